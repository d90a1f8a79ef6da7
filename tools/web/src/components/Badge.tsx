// SPDX-License-Identifier: MIT
import type { ComponentChildren } from 'preact';
import './Badge.css';

export type Tone = 'neutral' | 'accent' | 'good' | 'warning' | 'danger';

/** A state in a word. The colour repeats what the word says. */
export function Badge({ tone = 'neutral', children }: { tone?: Tone; children: ComponentChildren }) {
  return <span class={`badge badge-${tone}`}>{children}</span>;
}

/** A number of things that wait; `label` tells it in words. Nothing at 0. */
export function Count({ value, label }: { value: number; label: string }) {
  return value > 0 ? (
    <span class="count numbers">
      <span aria-hidden="true">{value > 99 ? '99+' : value}</span>
      <span class="unseen">{label}</span>
    </span>
  ) : null;
}
