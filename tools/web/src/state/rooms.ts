// SPDX-License-Identifier: MIT
/** The rooms that one is in, and those one looks at: what they are like now, how much of them is unread. */
import { computed, signal } from '@preact/signals';
import type { Entry } from './log';

export interface Room {
  readonly id: string;
  readonly name: string;
  readonly kind: 'group' | 'direct';
  readonly visibility: 'public' | 'private';
  readonly owner: string;
  /** Of the last entry of its log. */
  readonly seq: number;
  /** Of the last message; 0: there is none. */
  readonly number: number;
  readonly member_count: number;
  readonly created_at: string;
  readonly last_at: string;
  /** One is in it; else one only looks. */
  readonly joined: boolean;
  /** Number of the last message that one has read. */
  readonly read: number;
  /** Message. */
  readonly last: Entry | undefined;
}

export const rooms = signal<ReadonlyMap<string, Room>>(new Map());

/** The last that was heard first. */
export const myRooms = computed(() =>
  [...rooms.value.values()]
    .filter((room) => room.joined)
    .sort((a, b) => activityOf(b).localeCompare(activityOf(a)) || a.id.localeCompare(b.id)),
);

export const unreadTotal = computed(() => myRooms.value.reduce((sum, room) => sum + unreadOf(room), 0));

/** Who comes and goes moves no room. */
export function activityOf(room: Room): string {
  return room.last?.created_at ?? room.created_at;
}

export function unreadOf(room: Room): number {
  return room.joined ? Math.max(0, room.number - room.read) : 0;
}

/** The room as it is behind an entry of its log; the same object if that is known. me: whose own words are read. */
export function withEntry(room: Room, entry: Entry, me: string): Room {
  if (entry.seq <= room.seq) return room;
  const next = { ...room, seq: entry.seq, last_at: entry.created_at };
  switch (entry.type) {
    case 'created':
      return next;
    case 'joined':
      return { ...next, member_count: room.member_count + 1, joined: room.joined || entry.author === me };
    case 'left':
      return { ...next, member_count: room.member_count - 1, joined: room.joined && entry.author !== me };
    case 'message': {
      const number = entry.number ?? room.number;
      return { ...next, number, last: entry, read: entry.author === me ? number : room.read };
    }
  }
}

function later(a: Entry | undefined, b: Entry | undefined): Entry | undefined {
  return (a?.seq ?? 0) > (b?.seq ?? 0) ? a : b;
}

/** Two words about one room, of which each may be the older: nothing goes back. */
export function newer(known: Room | undefined, told: Room): Room {
  if (known === undefined) return told;
  const both = { joined: told.joined, read: Math.max(known.read, told.read), last: later(known.last, told.last) };
  return { ...(known.seq > told.seq ? known : told), ...both };
}

export function putRoom(room: Room): void {
  rooms.value = new Map(rooms.value).set(room.id, room);
}

export function changeRoom(id: string, change: (room: Room) => Room): void {
  const room = rooms.value.get(id);
  const changed = room && change(room);
  if (changed !== undefined && changed !== room) {
    putRoom(changed);
  }
}
