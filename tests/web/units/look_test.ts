// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lookOf, remember, type Look, type Looks, type Stat } from '../../../tools/web/src/pages/admin/look';
import { worriesOf } from '../../../tools/web/src/pages/admin/worries';

const shard = { id: 0, mailbox: 1, resident: 2, per_s: 5, wait_p99_us: 9, memtable_bytes: 0, outbox: 0, held: 0, dead_letters: 0, timer_lag_ms: 0 };
const journal = { position: 100, durable: 90, segments: 1, bytes: 100, syncs: 10, sync_p99_us: 5, sync_applying_p99_us: 0 };

const stat = (changes: object = {}): Stat =>
  ({
    ready: true, version: '1', pid: 7, uptime_s: 1, peers: 1, in_flight: 0, storage_full: false, refused: 0, dropped: 0,
    shards: [shard, { ...shard, id: 1, wait_p99_us: 30 }], journal, applier: { applied: 0, lag: 0, bytes_pending: 0 },
    handles: 0, subscriptions: 0, lagged: 0, lost_messages: 0, lost_works: 0, ...changes,
  }) as Stat;

test('counters of another process make no rates', () => {
  const before = lookOf(stat(), 1_000, undefined);
  assert.equal(before.syncs_per_s, undefined);
  assert.equal(lookOf(stat({ pid: 8, refused: 50 }), 2_000, before).refused_per_s, undefined);
});

test('what only counts up becomes a rate, and shards are summed up or the worst is taken', () => {
  const before = lookOf(stat(), 1_000, undefined);
  const look = lookOf(stat({ refused: 3, journal: { ...journal, syncs: 30 } }), 3_000, before);
  assert.equal(look.syncs_per_s, 10);
  assert.equal(look.refused_per_s, 2);
  assert.equal(look.per_s, 10);
  assert.equal(look.wait_p99_us, 30);
  assert.equal(look.behind, 10);
});

test('only so many looks are kept, the latest last', () => {
  let looks: Looks = [];
  for (let at = 0; at < 200; at++) looks = remember(looks, lookOf(stat(), at, undefined));
  assert.equal(looks.length, 90);
  assert.equal(looks.at(-1)!.at_ms, 199);
});

test('an idle server is no worry; each trouble is one', () => {
  const worries = (changes: object, before?: Look): string[] => worriesOf(lookOf(stat(changes), 2_000, before));
  assert.deepEqual(worries({}), []);
  assert.deepEqual(worries({ ready: false }), ['not_ready']);
  assert.deepEqual(worries({ storage_full: true }), ['storage_full']);
  assert.deepEqual(worries({ refused: 9 }, lookOf(stat(), 1_000, undefined)), ['refusing']);
  assert.deepEqual(worries({ shards: [{ ...shard, wait_p99_us: 60_000, dead_letters: 1, timer_lag_ms: 3_000 }] }), ['slow_wait', 'timers_late', 'dead_letters']);
  assert.deepEqual(worries({ journal: { ...journal, sync_applying_p99_us: 200_000 } }), ['slow_sync']);
});
