// SPDX-License-Identifier: MIT
import { showLasting } from '../../strings/figures';
import type { Run } from './calls';

export const POLL_MS = 1000;

export function goesOn(run: Run): boolean {
  return run.state === 'WAITING' || run.state === 'RUNNING';
}

/** How long it took, or has taken until now; undefined: it has not begun. */
export function tookWords(run: Run): string | undefined {
  if (run.started_at === undefined) return undefined;
  const until = run.ended_at === undefined ? Date.now() : Date.parse(run.ended_at);
  return showLasting(Math.max(0, until - Date.parse(run.started_at)));
}
