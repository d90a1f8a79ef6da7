// SPDX-License-Identifier: MIT
import { showNumber, t } from '../../strings';
import { showBytes, showMicros } from '../../strings/figures';
import { Gauge, Gauges } from './Gauge';
import type { Looks } from './look';
import { rateText } from './rate_text';
import { worriesOf } from './worries';

/** What is written, and how soon it is safe. */
export function Journal({ looks }: { looks: Looks }) {
  const look = looks.at(-1)!;
  const { journal } = look;
  const slow = worriesOf(look).includes('slow_sync');
  const words = t().admin.server;
  return (
    <Gauges title={words.journal}>
      <Gauge name={words.sync} value={showMicros(journal.sync_p99_us)} values={looks.map((one) => one.journal.sync_p99_us)} odd={slow} />
      <Gauge
        name={words.syncApplying}
        value={showMicros(journal.sync_applying_p99_us)}
        values={looks.map((one) => one.journal.sync_applying_p99_us)}
        odd={slow}
      />
      <Gauge name={words.syncs} value={rateText(look.syncs_per_s)} values={looks.map((one) => one.syncs_per_s ?? 0)} />
      <Gauge name={words.behind} value={showBytes(look.behind)} values={looks.map((one) => one.behind)} />
      <Gauge name={words.position} value={showBytes(journal.position)} />
      <Gauge name={words.size} value={showBytes(journal.bytes)} />
      <Gauge name={words.segments} value={showNumber(journal.segments)} />
    </Gauges>
  );
}

/** How far the database follows. */
export function Applier({ looks }: { looks: Looks }) {
  const look = looks.at(-1)!;
  const { applier } = look;
  const words = t().admin.server;
  return (
    <Gauges title={words.applier}>
      <Gauge
        name={words.lag}
        value={showBytes(applier.lag)}
        values={looks.map((one) => one.applier.lag)}
        odd={worriesOf(look).includes('applier_behind')}
      />
      <Gauge name={words.pending} value={showBytes(applier.bytes_pending)} values={looks.map((one) => one.applier.bytes_pending)} />
      <Gauge name={words.applied} value={showBytes(applier.applied)} />
    </Gauges>
  );
}
