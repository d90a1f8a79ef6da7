// SPDX-License-Identifier: MIT
import { showNumber, t } from '../../strings';
import { showMicros } from '../../strings/figures';
import { Gauge, Gauges } from './Gauge';
import type { Looks } from './look';
import { rateText } from './rate_text';
import { worriesOf } from './worries';

/** How much there is to do, and how long it waits. */
export function Load({ looks }: { looks: Looks }) {
  const look = looks.at(-1)!;
  const worries = worriesOf(look);
  const words = t().admin.server;
  return (
    <Gauges title={words.load}>
      <Gauge name={words.perS} value={showNumber(look.per_s)} values={looks.map((one) => one.per_s)} />
      <Gauge
        name={words.wait}
        value={showMicros(look.wait_p99_us)}
        hint={words.waitHint}
        values={looks.map((one) => one.wait_p99_us)}
        odd={worries.includes('slow_wait')}
      />
      <Gauge name={words.inFlight} value={showNumber(look.stat.in_flight)} values={looks.map((one) => one.stat.in_flight)} />
      <Gauge
        name={words.refused}
        value={rateText(look.refused_per_s)}
        values={looks.map((one) => one.refused_per_s ?? 0)}
        odd={worries.includes('refusing')}
      />
    </Gauges>
  );
}
