// SPDX-License-Identifier: MIT
import { Badge } from '../../components/Badge';
import { t } from '../../strings';
import type { Job } from './draft';

export function JobBadge({ job }: { job: Job }) {
  if (job.running !== undefined) return <Badge tone="accent">{t().jobs.state.running}</Badge>;
  if (!job.enabled) return <Badge tone="warning">{t().jobs.state.paused}</Badge>;
  if (job.due === undefined) return <Badge tone="neutral">{t().jobs.state.done}</Badge>;
  return <Badge tone="good">{t().jobs.state.active}</Badge>;
}
