// SPDX-License-Identifier: MIT
import { useLoaded } from '../../components/hooks';
import { t } from '../../strings';
import { showMomentIn } from '../../strings/figures';
import { nextDue } from './calls';
import { type Job, localZone } from './draft';

const COUNT = 5;

/** The next due times, by the clock that the plan goes by: what it means, said once more. */
export function Upcoming({ job }: { job: Job }) {
  const { value } = useLoaded(() => nextDue(job.name, COUNT), [job.name, job.due, job.updated_at]);
  const zone = job.schedule.cron === undefined ? localZone() : job.time_zone;
  return (
    <details class="more">
      <summary>{t().jobs.upcoming}</summary>
      <ol class="numbers">
        {value?.map(({ due, starts_at }) => (
          <li key={due}>
            <time dateTime={due}>{showMomentIn(due, zone)}</time>
            {starts_at !== due && <span class="soft"> · {t().jobs.starts(showMomentIn(starts_at, zone))}</span>}
          </li>
        ))}
      </ol>
    </details>
  );
}
