// SPDX-License-Identifier: MIT
/**
 * What the server says of itself (broker.def, stat_reply), made into what a person looks at, as `doran top` does it:
 * sums over the shards, and rates of what only counts up.
 */
import type { components } from '../../api/document';

export type Stat = components['schemas']['stat_reply_with_version'];

export type Shard = {
  id: number; mailbox: number; resident: number; per_s: number; wait_p99_us: number; memtable_bytes: number;
  outbox: number; held: number; dead_letters: number; timer_lag_ms: number;
};
export type Journal = {
  position: number; durable: number; segments: number; bytes: number; syncs: number; sync_p99_us: number;
  sync_applying_p99_us: number;
};
export type Applier = { applied: number; lag: number; bytes_pending: number };

export type Look = {
  at_ms: number;
  stat: Stat;
  shards: Shard[];
  journal: Journal;
  applier: Applier;
  per_s: number;
  wait_p99_us: number; // of the slowest shard
  mailbox: number;
  resident: number;
  outbox: number;
  held: number;
  dead_letters: number;
  timer_lag_ms: number; // of the latest shard
  behind: number; // bytes of the journal that are not on disk yet
  refused_per_s: number | undefined; // undefined: nobody knows yet
  syncs_per_s: number | undefined;
};

const sum = (shards: Shard[], name: keyof Shard): number => shards.reduce((total, shard) => total + shard[name], 0);
const most = (shards: Shard[], name: keyof Shard): number => Math.max(0, ...shards.map((shard) => shard[name]));

function rate(now: number, before: number | undefined, elapsed_ms: number): number | undefined {
  if (before === undefined || elapsed_ms <= 0 || now < before) return undefined;
  return Math.round(((now - before) * 1000) / elapsed_ms);
}

export function lookOf(stat: Stat, at_ms: number, before: Look | undefined): Look {
  const shards = stat.shards as Shard[];
  const journal = stat.journal as Journal;
  const last = before?.stat.pid === stat.pid ? before : undefined; // counters of another process tell nothing
  const elapsed_ms = last ? at_ms - last.at_ms : 0;
  return {
    at_ms, stat, shards, journal, applier: stat.applier as Applier,
    per_s: sum(shards, 'per_s'),
    wait_p99_us: most(shards, 'wait_p99_us'),
    mailbox: sum(shards, 'mailbox'),
    resident: sum(shards, 'resident'),
    outbox: sum(shards, 'outbox'),
    held: sum(shards, 'held'),
    dead_letters: sum(shards, 'dead_letters'),
    timer_lag_ms: most(shards, 'timer_lag_ms'),
    behind: Math.max(0, journal.position - journal.durable),
    refused_per_s: rate(stat.refused, last?.stat.refused, elapsed_ms),
    syncs_per_s: rate(journal.syncs, last?.journal.syncs, elapsed_ms),
  };
}

/** The latest last. */
export type Looks = readonly Look[];

export const KEPT = 90; // looks: a minute and a half

export function remember(looks: Looks, look: Look): Looks {
  return [...looks, look].slice(-KEPT);
}
