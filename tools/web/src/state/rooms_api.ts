// SPDX-License-Identifier: MIT
/** What is asked about rooms, and said to them. All throw a Problem. */
import { answer, api, at } from '../api/client';
import type { components, operations } from '../api/document';
import type { Entry } from './log';
import type { Room } from './rooms';

export type RoomView = components['schemas']['room_view'];
export type NewRoom = operations['create_room']['requestBody']['content']['application/json'];
export type Member = components['schemas']['room_member'];

const PAGE = 50;
const PAGE_MAX = 100;

/** In the order of the room's log, before a seq, or the last. */
export async function readBefore(id: string, before?: number): Promise<Entry[]> {
  const query = { limit: PAGE, ...(before === undefined ? {} : { before }) };
  const page = await answer(api.GET('/api/v1/rooms/{id}/messages', { params: { path: { id }, query } }));
  return page.items.reverse();
}

export async function readAfter(id: string, after: number): Promise<{ entries: Entry[]; more: boolean }> {
  const query = { limit: PAGE_MAX, after };
  const page = await answer(api.GET('/api/v1/rooms/{id}/messages', { params: { path: { id }, query } }));
  return { entries: page.items, more: page.next_cursor !== undefined };
}

/** The last message among the last entries. */
export async function readLast(id: string): Promise<Entry | undefined> {
  return (await readBefore(id)).reverse().find((entry) => entry.type === 'message');
}

/** All rooms that one is in. */
export async function readInbox(): Promise<Room[]> {
  const rooms: Room[] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: PAGE_MAX, ...at(cursor) };
    const page = await answer(api.GET('/api/v1/inbox', { params: { query } }));
    rooms.push(...page.items.map(({ room, read, last }): Room => ({ ...room, joined: true, read, last })));
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  return rooms;
}

export const readRoom = (id: string): Promise<RoomView> => answer(api.GET('/api/v1/rooms/{id}', { params: { path: { id } } }));

export const readPublicRooms = (cursor?: string) =>
  answer(api.GET('/api/v1/rooms', { params: { query: { visibility: 'public', limit: PAGE, ...at(cursor) } } }));

export const readMembers = (id: string, cursor?: string) =>
  answer(api.GET('/api/v1/rooms/{id}/members', { params: { path: { id }, query: { limit: PAGE_MAX, ...at(cursor) } } }));

export const createRoom = (body: NewRoom, key: { 'Idempotency-Key': string }): Promise<RoomView> =>
  answer(api.POST('/api/v1/rooms', { body, params: { header: key } }));

export const joinRoom = (id: string) => answer(api.POST('/api/v1/rooms/{id}/join', { params: { path: { id } } }));

export const leaveRoom = (id: string, user: string) =>
  answer(api.DELETE('/api/v1/rooms/{id}/members/{user}', { params: { path: { id, user } } }));

export const putRead = (id: string, number: number) =>
  answer(api.PUT('/api/v1/rooms/{id}/read', { params: { path: { id } }, body: { number } }));

export const postMessage = (id: string, body: { client_id: string; text: string }): Promise<Entry> =>
  answer(api.POST('/api/v1/rooms/{id}/messages', { params: { path: { id } }, body }));

export const readUser = (id: string) => answer(api.GET('/api/v1/users/{id}', { params: { path: { id } } }));
