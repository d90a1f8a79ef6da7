// SPDX-License-Identifier: MIT
/** Keeps the rooms as they are: the inbox now and then, and what happens in each as it happens. */
import { effect, signal, untracked } from '@preact/signals';
import { live, type Position } from '../api/live';
import { Problem } from '../api/problem';
import { focused } from './focus';
import { forgetHistories, resetHistory, takeEntry } from './history';
import type { Entry } from './log';
import { closeOutbox, dropUnsent, openOutbox } from './outbox';
import { know } from './people';
import { forgetReading } from './reading';
import { changeRoom, newer, putRoom, rooms, withEntry, type Room } from './rooms';
import { createRoom, joinRoom, leaveRoom, readInbox, readLast, readRoom, type NewRoom } from './rooms_api';
import { user } from './session';

/** So often one asks whether somebody brought one into a room, which nothing else tells. */
const INBOX_MS = 30_000;
/** The inbox hears of who joins and leaves a moment after the room. */
const INBOX_LAG_MS = 5_000;

export const inboxState = signal<{ read: boolean; problem: Problem | undefined }>({ read: false, problem: undefined });

interface Listening {
  stop: () => void;
  epoch?: number;
}

const listening = new Map<string, Listening>();
const movedAt = new Map<string, number>();
let me = '';
let looking: string | undefined;

/** What was posted is told here as well when it was not posted live. */
export function takeEvent(room: string, entry: Entry): void {
  changeRoom(room, (known) => withEntry(known, entry, me));
  takeEntry(room, entry);
  if (entry.author === me && entry.client_id !== undefined) dropUnsent(entry.client_id);
  if (entry.author === me && entry.type !== 'message') settle(room);
}

async function readAnew(id: string): Promise<void> {
  const [view, last] = await Promise.all([readRoom(id), readLast(id)]);
  changeRoom(id, (known) => newer(known, { ...known, ...view, last }));
}

/** Events come from here on. Another epoch: the log is not the one that was read. */
function begin(id: string, place: Position, anew: boolean): void {
  const room = listening.get(id);
  if (room === undefined) return;
  if (room.epoch !== undefined && room.epoch !== place.log_epoch) {
    resetHistory(id);
    changeRoom(id, (known) => ({ ...known, seq: 0, number: 0 }));
  }
  room.epoch = place.log_epoch;
  if (anew && place.seq > (rooms.value.get(id)?.seq ?? 0)) readAnew(id).catch(() => undefined);
}

function listenTo(id: string): void {
  if (listening.has(id)) return;
  const stop = live.listen(id, {
    begun: (place, anew) => begin(id, place, anew),
    entry: (entry) => takeEvent(id, entry),
    ended: () => forget(id),
  });
  listening.set(id, { stop });
}

function forget(id: string): void {
  listening.get(id)?.stop();
  listening.delete(id);
  const others = new Map(rooms.value);
  if (others.delete(id)) rooms.value = others;
}

/** Is heard as long as one is in it or looks at it; then forgotten. */
function settle(id: string): void {
  const joined = rooms.value.get(id)?.joined === true;
  if (joined || looking === id) listenTo(id);
  else forget(id);
}

/** The inbox does not know yet. */
function movedLately(id: string): boolean {
  return Date.now() - (movedAt.get(id) ?? 0) < INBOX_LAG_MS;
}

function takeInbox(told: readonly Room[]): void {
  const next = new Map(rooms.value);
  const ids = new Set(told.map((room) => room.id));
  for (const room of told) {
    const known = next.get(room.id);
    const joined = movedLately(room.id) && known !== undefined ? known.joined : true;
    next.set(room.id, newer(known, { ...room, joined }));
  }
  for (const room of next.values()) {
    if (room.joined && !ids.has(room.id) && !movedLately(room.id)) next.set(room.id, { ...room, joined: false });
  }
  rooms.value = next;
  for (const id of next.keys()) settle(id);
}

export async function readInboxAgain(): Promise<void> {
  const mine = me;
  try {
    const told = await readInbox();
    if (mine !== me) return;
    takeInbox(told);
    inboxState.value = { read: true, problem: undefined };
  } catch (thrown) {
    inboxState.value = { ...inboxState.value, problem: Problem.of(thrown) };
  }
}

/** Has a room here, also one that one is not in. Throws a Problem. */
export async function lookAt(id: string): Promise<void> {
  looking = id;
  if (!inboxState.value.read) await readInboxAgain();
  if (!rooms.value.has(id)) {
    const view = await readRoom(id);
    if (looking === id) putRoom(newer(rooms.value.get(id), { ...view, joined: false, read: view.number, last: undefined }));
  }
  if (looking === id) settle(id);
}

export function lookAway(id: string): void {
  if (looking === id) looking = undefined;
  settle(id);
}

function moved(id: string, joined: boolean): void {
  movedAt.set(id, Date.now());
  changeRoom(id, (room) => ({ ...room, joined, read: joined ? Math.max(room.read, room.number) : room.read }));
  settle(id);
}

export async function join(id: string): Promise<void> {
  await joinRoom(id);
  moved(id, true);
  readAnew(id).catch(() => undefined);
}

export async function leave(id: string): Promise<void> {
  await leaveRoom(id, me);
  moved(id, false);
}

/** Its id. */
export async function create(wanted: NewRoom, key: { 'Idempotency-Key': string }): Promise<string> {
  const view = await createRoom(wanted, key);
  putRoom(newer(rooms.value.get(view.id), { ...view, joined: true, read: view.number, last: undefined }));
  moved(view.id, true);
  return view.id;
}

function stop(): void {
  for (const room of listening.values()) room.stop();
  listening.clear();
  movedAt.clear();
  rooms.value = new Map();
  inboxState.value = { read: false, problem: undefined };
  forgetHistories();
  forgetReading();
  closeOutbox();
}

// Whoever logs in finds their rooms, and those of nobody else.
effect(() => {
  const now = user.value;
  untracked(() => {
    if (now !== undefined) know({ id: now.id, name: now.name });
    if ((now?.id ?? '') === me) return;
    stop();
    me = now?.id ?? '';
    if (me === '') return;
    openOutbox(me);
    void readInboxAgain();
  });
});

// Who comes back to the page sees at once what is new; who stays, soon.
effect(() => {
  if (!focused.value || user.value === undefined) return undefined;
  void untracked(readInboxAgain);
  const timer = setInterval(() => void readInboxAgain(), INBOX_MS);
  return () => clearInterval(timer);
});
