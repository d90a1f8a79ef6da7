// SPDX-License-Identifier: MIT
/** The one live connection of the page: there while somebody is logged in. */
import { effect } from '@preact/signals';
import { link } from '../state/connection';
import { end, session } from '../state/session';
import { answer, api } from './client';
import { LiveConnection, type Socket } from './live_connection';
import { accessToken, refresh } from './tokens';

export type { Ack, Entry, Frame, Position, RoomListener } from './live_connection';
export { Refusal } from './live_connection';

const PAGE = 100;

function open(token: string, heard: (text: string) => void, closed: (code: number) => void): Socket {
  const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/api/v1/live`, ['doran.v1', `bearer.${token}`]);
  socket.addEventListener('message', ({ data }) => heard(String(data)));
  socket.addEventListener('close', ({ code }) => closed(code));
  return socket;
}

async function read(room: string, after: number) {
  const query = { after, limit: PAGE };
  return (await answer(api.GET('/api/v1/rooms/{id}/messages', { params: { path: { id: room }, query } }))).items;
}

export const live = new LiveConnection({
  open,
  token: accessToken,
  renew: refresh,
  ended: end,
  read,
  changed: (state) => {
    link.value = state;
  },
  now: Date.now,
  random: Math.random,
  setTimer: (run, ms) => setTimeout(run, ms),
  clearTimer: (timer) => clearTimeout(timer as number | undefined),
});

addEventListener('online', () => live.tryNow());
addEventListener('offline', () => live.lost());
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') live.tryNow();
});

// Somebody else hears none of what the one before listened to; who logs in again goes on.
let who: string | undefined;
effect(() => {
  const now = session.value;
  if (now?.user.id !== who) live.stop();
  who = now?.user.id;
  if (now?.tokens !== undefined) live.start();
});
