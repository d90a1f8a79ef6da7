// SPDX-License-Identifier: MIT
/** A stretch of a room's log: dense by seq, so without a gap and without a repeat. Pure. */

export interface Entry {
  seq: number;
  type: 'created' | 'joined' | 'left' | 'message';
  created_at: string;
  author?: string;
  /** Of a message, as are those below: dense, from 1. */
  number?: number;
  id?: string;
  client_id?: string;
  text?: string;
}

export interface Log {
  /** In the order of their seqs, each one more than the one before. */
  readonly entries: readonly Entry[];
  /** It has been read (an empty room still has the entry that it was made). */
  readonly read: boolean;
}

const FIRST_SEQ = 1;
export const emptyLog: Log = { entries: [], read: false };

export function firstSeq(log: Log): number {
  return log.entries[0]?.seq ?? 0;
}

export function lastSeq(log: Log): number {
  return log.entries[log.entries.length - 1]?.seq ?? 0;
}

/** Nothing came before what is here. */
export function reachesBack(log: Log): boolean {
  return firstSeq(log) === FIRST_SEQ;
}

function dense(entries: readonly Entry[]): boolean {
  return entries.every((entry, index) => index === 0 || entry.seq === entries[index - 1]!.seq + 1);
}

/**
 * The log with these entries, which come in any order, however often. What is known stays the same object.
 * Undefined: something between is missing, so they cannot be taken.
 */
export function withEntries(log: Log, more: readonly Entry[]): Log | undefined {
  const first = firstSeq(log);
  const last = lastSeq(log);
  const bySeq = new Map(more.map((entry) => [entry.seq, entry]));
  const unknown = [...bySeq.values()].sort((a, b) => a.seq - b.seq).filter((e) => e.seq < first || e.seq > last);
  if (unknown.length === 0) return log.read ? log : { ...log, read: true };
  const before = unknown.filter((entry) => entry.seq < first);
  const behind = unknown.filter((entry) => entry.seq > last);
  const entries = [...before, ...log.entries, ...behind];
  return dense(entries) ? { entries, read: true } : undefined;
}

/** The last entries only, for a room that nobody looks at. */
export function tailOf(log: Log, count: number): Log {
  return log.entries.length <= count ? log : { ...log, entries: log.entries.slice(-count) };
}
