// SPDX-License-Identifier: MIT
/** Sign-ups of each day: as a plot for eyes, as a sentence for screen readers, and as a table for both. */
import { lazy } from '../../components/lazy';
import { showNumber, t } from '../../strings';
import { showDate } from '../../strings/figures';
import { type Day, everyDay, topDay } from './days';

const BarPlot = lazy(() => import('./BarPlot'));

function DayTable({ days }: { days: Day[] }) {
  const words = t().jobs.report;
  return (
    <details class="more">
      <summary>{words.table}</summary>
      <table class="day-table numbers">
        <thead>
          <tr>
            <th scope="col">{words.day}</th>
            <th scope="col">{words.users}</th>
          </tr>
        </thead>
        <tbody>
          {[...days].reverse().map(({ day, users }) => (
            <tr key={day}>
              <th scope="row">{showDate(day)}</th>
              <td>{showNumber(users)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

export function SignUps({ days, until }: { days: Day[]; until: number }) {
  const words = t().jobs.report;
  const top = topDay(days);
  if (top === undefined) return <p>{words.signupsNone}</p>;
  const label = words.signupsPlot(showDate(days[0]!.day), showDate(days.at(-1)!.day), showDate(top.day), top.users);
  return (
    <>
      <h3>{words.signups}</h3>
      <div class="plot" role="img" aria-label={label}>
        <BarPlot {...everyDay(days, until)} />
      </div>
      <DayTable days={days} />
    </>
  );
}
