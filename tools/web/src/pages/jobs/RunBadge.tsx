// SPDX-License-Identifier: MIT
import { Badge } from '../../components/Badge';
import { t } from '../../strings';
import type { Run } from './calls';

const TONES = {
  WAITING: 'neutral',
  RUNNING: 'accent',
  SUCCEEDED: 'good',
  FAILED: 'danger',
  CANCELLED: 'neutral',
  SKIPPED: 'neutral',
} as const;

export function RunBadge({ run }: { run: Run }) {
  return <Badge tone={TONES[run.state]}>{t().jobs.runs.state[run.state]}</Badge>;
}
