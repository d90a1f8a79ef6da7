// SPDX-License-Identifier: MIT
import type { Run } from './calls';

/** The runs of a job, the latest first: what was asked for anew stands in front of what is known already. */
export function mergeRuns(fresh: Run[], known: Run[]): Run[] {
  const last = fresh.at(-1);
  return last === undefined ? known : [...fresh, ...known.filter((run) => run.run < last.run)];
}
