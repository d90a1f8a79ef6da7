// SPDX-License-Identifier: MIT
/** One row a shard; on a phone, one card. */
import { showNumber, t } from '../../strings';
import { showBytes, showLasting, showMicros } from '../../strings/figures';
import type { Looks, Shard } from './look';
import { Sparkline } from './Sparkline';

interface Column {
  name: string;
  text: (shard: Shard) => string;
}

function columns(): Column[] {
  return [
    { name: t().admin.server.waitShort, text: (shard) => showMicros(shard.wait_p99_us) },
    { name: t().admin.server.mailbox, text: (shard) => showNumber(shard.mailbox) },
    { name: t().admin.server.resident, text: (shard) => showNumber(shard.resident) },
    { name: t().admin.server.memtable, text: (shard) => showBytes(shard.memtable_bytes) },
    { name: t().admin.server.outbox, text: (shard) => showNumber(shard.outbox) },
    { name: t().admin.server.held, text: (shard) => showNumber(shard.held) },
    { name: t().admin.server.timerLag, text: (shard) => showLasting(shard.timer_lag_ms) },
    { name: t().admin.server.letters, text: (shard) => showNumber(shard.dead_letters) },
  ];
}

const rates = (looks: Looks, id: number): number[] =>
  looks.map((look) => look.shards.find((shard) => shard.id === id)?.per_s ?? 0);

function Row({ shard, looks }: { shard: Shard; looks: Looks }) {
  return (
    <tr role="row">
      <th scope="row" role="rowheader">{t().admin.server.shard(shard.id)}</th>
      <td role="cell" data-name={t().admin.server.rate} class="shard-rate">
        {showNumber(shard.per_s)}
        <Sparkline values={rates(looks, shard.id)} />
      </td>
      {columns().map(({ name, text }) => (
        <td key={name} role="cell" data-name={name}>{text(shard)}</td>
      ))}
    </tr>
  );
}

/** The roles are said once more since a table that is laid out as cards loses its own. */
export function Shards({ looks }: { looks: Looks }) {
  const shards = looks[looks.length - 1]?.shards ?? [];
  return (
    <section class="part">
      <h2>{t().admin.server.shards}</h2>
      <table class="shards numbers" role="table">
        <thead role="rowgroup">
          <tr role="row">
            <th scope="col" role="columnheader">{t().admin.server.shardName}</th>
            <th scope="col" role="columnheader">{t().admin.server.rate}</th>
            {columns().map(({ name }) => (
              <th key={name} scope="col" role="columnheader">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {shards.map((shard) => (
            <Row key={shard.id} shard={shard} looks={looks} />
          ))}
        </tbody>
      </table>
    </section>
  );
}
