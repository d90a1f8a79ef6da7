// SPDX-License-Identifier: MIT
/**
 * Takes what is in the outbox to the server: one after the other in each room, so that they stay in order. What may yet
 * arrive is tried again by itself, always as the same message; what the server refuses waits for its author.
 */
import { effect } from '@preact/signals';
import { newId } from '../api/client';
import { live, Refusal } from '../api/live';
import { Problem } from '../api/problem';
import { link } from './connection';
import { changeUnsent, outbox, putUnsent, type Unsent } from './outbox';
import { postMessage } from './rooms_api';
import { takeEvent } from './rooms_live';

const ANSWER_MS = 10_000;
const PAUSE_MS = 1_000;
const PAUSE_MS_MAX = 15_000;
/** While connected; without a connection it is nobody's fault. */
const TRIES_MAX = 5;

/** Nothing is wrong with the message: the server, or the way to it, does not take any now. */
const PASSING = new Set(['gone', 'network', 'unreachable', 'busy', 'rate_limited', 'draining', 'deadline_exceeded', 'unauthenticated']);

const underWay = new Set<string>();
const tries = new Map<string, number>();

function late(ms: number): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(new Refusal('gone')), ms));
}

/** Rejects with a Refusal or a Problem. */
async function post({ room, client_id, text }: Unsent): Promise<void> {
  if (live.state === 'on') {
    await Promise.race([live.post(room, client_id, text), late(ANSWER_MS)]);
    changeUnsent(client_id, { state: 'sent' }); // until its event comes
  } else {
    const entry = await Promise.race([postMessage(room, { client_id, text }), late(ANSWER_MS)]);
    changeUnsent(client_id, { state: 'sent' });
    takeEvent(room, entry);
  }
}

/** Until the time is up, or there is a connection again. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    let was = link.peek();
    const timer = setTimeout(end, ms);
    const stop = link.subscribe((now) => {
      if (now === 'on' && was !== 'on') queueMicrotask(end);
      was = now;
    });
    function end(): void {
      clearTimeout(timer);
      stop();
      resolve();
    }
  });
}

async function takeFailure({ client_id }: Unsent, thrown: unknown): Promise<void> {
  const code = thrown instanceof Refusal ? thrown.code : Problem.of(thrown).code;
  const count = link.value === 'on' ? (tries.get(client_id) ?? 0) + 1 : 0;
  tries.set(client_id, count);
  if (!PASSING.has(code) || count >= TRIES_MAX) {
    changeUnsent(client_id, { state: 'failed', code });
    return;
  }
  changeUnsent(client_id, { state: 'waiting' });
  await pause(Math.min(PAUSE_MS * 2 ** count, PAUSE_MS_MAX));
}

async function deliver(item: Unsent): Promise<void> {
  changeUnsent(item.client_id, { state: 'sending' });
  try {
    await post(item);
    tries.delete(item.client_id);
  } catch (thrown) {
    await takeFailure(item, thrown);
  }
}

async function run(room: string): Promise<void> {
  if (underWay.has(room)) return;
  underWay.add(room);
  const next = (): Unsent | undefined => outbox.peek().find((item) => item.room === room && item.state === 'waiting');
  for (let item = next(); item !== undefined; item = next()) await deliver(item);
  underWay.delete(room);
}

export function send(user: string, room: string, text: string): void {
  putUnsent({ user, room, text, client_id: newId(), created_at: new Date().toISOString(), state: 'waiting' });
}

export function retry(client_id: string): void {
  tries.delete(client_id);
  changeUnsent(client_id, { state: 'waiting' });
}

effect(() => {
  for (const { state, room } of outbox.value) if (state === 'waiting') queueMicrotask(() => void run(room));
});
