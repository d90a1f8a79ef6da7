// SPDX-License-Identifier: MIT
/** How things stand between this page and the server, for whoever shows it. */
import { signal } from '@preact/signals';

/** off: nobody is logged in; waiting: for the time of the next try; on: events come. */
export type Link = 'off' | 'connecting' | 'waiting' | 'on';

/** Of the live connection. */
export const link = signal<Link>('off');

/** How many requests have waited so long for an answer that people should be told. */
export const late = signal(0);

const LATE_MS = 3000;

/** Counts what waits for this in `late`, from when it is. */
export async function noteLate<T>(run: () => Promise<T>): Promise<T> {
  let counted = 0;
  const timer = setTimeout(() => (late.value += counted = 1), LATE_MS);
  try {
    return await run();
  } finally {
    clearTimeout(timer);
    late.value -= counted;
  }
}
