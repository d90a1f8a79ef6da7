// SPDX-License-Identifier: MIT
import { showNumber, t } from '../../strings';
import { Gauge, Gauges } from './Gauge';
import type { Looks, Stat } from './look';

const NOW = ['peers', 'handles', 'subscriptions'] as const;

/** Who is there, and who listens. */
export function Connections({ looks }: { looks: Looks }) {
  const { stat } = looks.at(-1)!;
  const words = t().admin.server;
  return (
    <Gauges title={words.people}>
      {NOW.map((name) => (
        <Gauge key={name} name={words[name]} value={showNumber(stat[name])} values={looks.map((one) => one.stat[name])} />
      ))}
    </Gauges>
  );
}

/** What went wrong since the start, and was mended or told. */
export function Mishaps({ stat }: { stat: Stat }) {
  const words = t().admin.server;
  return (
    <Gauges title={words.sinceStart}>
      <Gauge name={words.lagged} value={showNumber(stat.lagged)} />
      <Gauge name={words.dropped} value={showNumber(stat.dropped)} />
      <Gauge name={words.lostMessages} value={showNumber(stat.lost_messages)} />
      <Gauge name={words.lostWorks} value={showNumber(stat.lost_works)} />
    </Gauges>
  );
}
