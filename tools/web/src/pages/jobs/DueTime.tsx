// SPDX-License-Identifier: MIT
import { showMoment, showSpan, t } from '../../strings';
import type { Job } from './draft';

/** When a job is due next, by the clock of this device. */
export function DueTime({ job }: { job: Job }) {
  if (!job.enabled) return <>{t().jobs.nextPaused}</>;
  if (job.due === undefined) return <>{t().jobs.nextNone}</>;
  return (
    <>
      {t().jobs.next}: <time dateTime={job.due}>{showMoment(job.due)}</time> ({showSpan(job.due)})
    </>
  );
}
