// SPDX-License-Identifier: MIT
import type { ComponentChildren, JSX } from 'preact';
import { Icon, type IconName } from './Icon';
import './Button.css';

type Kind = 'primary' | 'plain' | 'quiet' | 'danger';

interface Look {
  kind?: Kind;
  icon?: IconName;
  children?: ComponentChildren;
}

type Properties = Look & Omit<JSX.IntrinsicElements['button'], 'icon' | 'loading'> & { busy?: boolean };

/** While `busy` it keeps its place and the focus, and does nothing. */
export function Button({ kind = 'plain', icon, busy = false, children, onClick, type = 'button', class: more, ...rest }: Properties) {
  return (
    <button
      {...rest}
      type={busy ? 'button' : type}
      class={`button button-${kind} ${children === undefined ? 'button-icon' : ''} ${more ?? ''}`}
      aria-busy={busy}
      onClick={busy ? undefined : onClick}
    >
      {busy ? <span class="spinner" /> : icon && <Icon name={icon} size={20} />}
      {children}
    </button>
  );
}

/** A button of an icon alone; `label` is told to screen readers and shown as a hint. */
export function IconButton({ label, kind = 'quiet', ...rest }: Properties & { label: string; icon: IconName }) {
  return <Button {...rest} kind={kind} aria-label={label} title={label} />;
}
