// SPDX-License-Identifier: MIT
import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './Icon';
import './Empty.css';

/** Where there is nothing yet: what will be here, and the way to begin (`children`). */
export function Empty({ icon, title, hint, children }: { icon: IconName; title: string; hint?: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} size={32} />
      </span>
      <h2>{title}</h2>
      {hint && <p class="soft">{hint}</p>}
      {children}
    </div>
  );
}
