// SPDX-License-Identifier: MIT
import type { ComponentChildren } from 'preact';
import { Link } from 'wouter-preact';
import { Icon, type IconName } from '../../components/Icon';

interface Properties {
  href: string;
  icon?: IconName;
  kind?: 'primary' | 'plain' | 'quiet';
  /** On phones the icon stands for the words. */
  compact?: boolean;
  children: ComponentChildren;
}

/** A way to another page that looks like a button. */
export function LinkButton({ href, icon, kind = 'plain', compact = false, children }: Properties) {
  return (
    <Link href={href} class={`button button-${kind} ${compact ? 'shop-compact' : ''}`}>
      {icon && <Icon name={icon} size={20} />}
      <span>{children}</span>
    </Link>
  );
}
