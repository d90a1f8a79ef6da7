// SPDX-License-Identifier: MIT
import { t } from '../../strings';
import { showPercent } from '../../strings/figures';
import type { Run } from './calls';

export function Progress({ run }: { run: Run }) {
  return (
    <span class="progress">
      <progress max={100} value={run.progress} aria-label={t().jobs.runs.progress} />
      <span class="numbers">{showPercent(run.progress / 100)}</span>
    </span>
  );
}
