// SPDX-License-Identifier: MIT
import { signal } from '@preact/signals';
import { t } from '../strings';
import { IconButton } from './Button';
import './Toasts.css';

const SHOWN_MS = 5000;

interface Toast {
  id: number;
  text: string;
}

const toasts = signal<Toast[]>([]);
let last = 0;

function drop(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

/** Says a sentence at the edge of the page for a while: that something worked. What did not work belongs to its place. */
export function say(text: string): void {
  const id = ++last;
  toasts.value = [...toasts.value, { id, text }];
  setTimeout(() => drop(id), SHOWN_MS);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, text }) => (
        <div key={id} class="toast">
          <span>{text}</span>
          <IconButton icon="close" label={t().common.close} onClick={() => drop(id)} />
        </div>
      ))}
    </div>
  );
}
