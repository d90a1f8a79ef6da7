// SPDX-License-Identifier: MIT
/** The logs of the rooms that are looked at: read page by page, kept up with what happens, never with a hole. */
import { signal, type Signal } from '@preact/signals';
import { emptyLog, firstSeq, lastSeq, reachesBack, tailOf, withEntries, type Entry, type Log } from './log';
import { readAfter, readBefore } from './rooms_api';

export type Loading = 'idle' | 'loading' | 'failed';

export interface History {
  readonly room: string;
  readonly log: Signal<Log>;
  /** The page before what is here. */
  readonly older: Signal<Loading>;
}

/** Behind this many missed pages the last one is read anew instead. */
const CATCH_UP_PAGES_MAX = 5;
const KEPT_ENTRIES = 100;
/** So far back one is taken to where one had read. */
const UNREAD_ENTRIES_MAX = 400;

interface CatchingUp {
  until: number;
  done: Promise<void>;
}

const histories = new Map<string, History>();
const catchingUp = new Map<string, CatchingUp>();

export function historyOf(room: string): History {
  let history = histories.get(room);
  if (history === undefined) {
    history = { room, log: signal(emptyLog), older: signal<Loading>('idle') };
    histories.set(room, history);
  }
  return history;
}

export function forgetHistories(): void {
  histories.clear();
}

async function readTail(history: History): Promise<void> {
  const entries = await readBefore(history.room);
  history.log.value = withEntries(emptyLog, entries) ?? emptyLog;
}

async function readBehind(history: History): Promise<void> {
  for (let page = 0; page < CATCH_UP_PAGES_MAX; page++) {
    const { entries, more } = await readAfter(history.room, lastSeq(history.log.value));
    history.log.value = withEntries(history.log.value, entries) ?? history.log.value;
    if (!more) return;
  }
  await readTail(history);
}

/** Its entry of `catchingUp` says until when, also while it runs. */
async function readUntilThere(history: History, running: CatchingUp): Promise<void> {
  for (;;) {
    const before = lastSeq(history.log.value);
    await (history.log.value.read ? readBehind(history) : readTail(history));
    const now = lastSeq(history.log.value);
    if (now >= running.until || now === before) return;
  }
}

/**
 * Reads what the log does not have yet: at first the last page, else all behind it, until a seq at least. Once at a time
 * for a room.
 */
export function catchUp(history: History, until = 0): Promise<void> {
  let running = catchingUp.get(history.room);
  if (running === undefined) {
    running = { until, done: Promise.resolve() };
    catchingUp.set(history.room, running);
    running.done = readUntilThere(history, running).finally(() => catchingUp.delete(history.room));
  }
  running.until = Math.max(running.until, until);
  return running.done;
}

/** One more page upwards. Never throws: that it failed is said by `older`. */
export async function loadOlder(history: History): Promise<void> {
  const { log, older } = history;
  if (older.value === 'loading' || !log.value.read || reachesBack(log.value)) return;
  older.value = 'loading';
  try {
    const entries = await readBefore(history.room, firstSeq(log.value));
    log.value = withEntries(log.value, entries) ?? log.value;
    older.value = 'idle';
  } catch {
    older.value = 'failed';
  }
}

/** Until the first message that is unread is here, unless that is far. */
export async function loadUnread(history: History, read: number): Promise<void> {
  const { log, older } = history;
  const needs = (): boolean =>
    !reachesBack(log.value) &&
    log.value.entries.length < UNREAD_ENTRIES_MAX &&
    (log.value.entries.find((entry) => entry.number !== undefined)?.number ?? 0) > read + 1;
  while (needs() && older.value === 'idle') {
    await loadOlder(history);
  }
}

/** What happened; if something before it is missing, the log stays as it is until catchUp. */
export function takeEntry(room: string, entry: Entry): void {
  const history = histories.get(room);
  if (history !== undefined && history.log.value.read) {
    history.log.value = withEntries(history.log.value, [entry]) ?? history.log.value;
  }
}

/** The log that was known is no more the room's. */
export function resetHistory(room: string): void {
  const history = histories.get(room);
  if (history !== undefined) {
    history.log.value = emptyLog;
  }
}

/** Nobody looks at it now: what is far up is read again when somebody does. */
export function shrinkHistory(room: string): void {
  const history = histories.get(room);
  if (history !== undefined) {
    history.log.value = tailOf(history.log.value, KEPT_ENTRIES);
  }
}
