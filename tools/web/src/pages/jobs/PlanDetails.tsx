// SPDX-License-Identifier: MIT
import { Facts } from '../../components/Facts';
import { t } from '../../strings';
import type { Job } from './draft';

/** What a plan says beside when. */
export function PlanDetails({ job }: { job: Job }) {
  const words = t().jobs.plan;
  return (
    <Facts
      facts={[
        [words.zone, job.schedule.cron === undefined ? undefined : job.time_zone],
        [words.overlapTitle, words.overlap[job.overlap]],
        [words.catchUpTitle, words.catchUp[job.catch_up]],
        [words.jitter, job.jitter_s === 0 ? words.jitterNone : words.jitterSeconds(job.jitter_s)],
      ]}
    />
  );
}
