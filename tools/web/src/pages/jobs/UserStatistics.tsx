// SPDX-License-Identifier: MIT
/** The report of the job user-statistics: a few numbers, and the sign-ups of each day. */
import { showMoment, showNumber, t } from '../../strings';
import type { Day } from './days';
import { SignUps } from './SignUps';

export interface Statistics {
  as_of: number; // ms
  users: number;
  damaged: number;
  earlier: number;
  by_status: Record<string, number>;
  by_day: Day[];
}

const STATUSES = ['ACTIVE', 'INACTIVE', 'SUSPENDED'] as const;

function Figure({ name, value, large = false }: { name: string; value: number; large?: boolean }) {
  return (
    <div class={large ? 'figure figure-large' : 'figure'}>
      <dt>{name}</dt>
      <dd class="numbers">{showNumber(value)}</dd>
    </div>
  );
}

export function UserStatistics({ report }: { report: Statistics }) {
  const words = t().jobs.report;
  return (
    <>
      <p class="soft">{words.asOf(showMoment(report.as_of))}</p>
      <dl class="figures">
        <Figure name={words.users} value={report.users} large />
        {STATUSES.map((status) => (
          <Figure key={status} name={words.status[status]} value={report.by_status[status] ?? 0} />
        ))}
        {report.damaged > 0 && <Figure name={words.damaged} value={report.damaged} />}
      </dl>
      <SignUps days={report.by_day} until={report.as_of} />
      {report.earlier > 0 && <p>{words.earlier(report.earlier)}</p>}
      <p class="soft small">{words.lag}</p>
    </>
  );
}
