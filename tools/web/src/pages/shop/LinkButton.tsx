// SPDX-License-Identifier: MIT
import type { ComponentChildren } from 'preact';
import { Link } from 'wouter-preact';
import { Icon, type IconName } from '../../components/Icon';

interface Properties {
  href: string;
  icon?: IconName;
  kind?: 'primary' | 'plain' | 'quiet';
  children: ComponentChildren;
}

/** A way to another page that looks like a button. */
export function LinkButton({ href, icon, kind = 'plain', children }: Properties) {
  return (
    <Link href={href} class={`button button-${kind}`}>
      {icon && <Icon name={icon} size={20} />}
      {children}
    </Link>
  );
}
