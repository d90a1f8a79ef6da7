// SPDX-License-Identifier: MIT
/** Saying how far one has read: at once here, soon to the server, again until it has heard it. */
import { Problem } from '../api/problem';
import { changeRoom, rooms } from './rooms';
import { putRead } from './rooms_api';

const SOON_MS = 300;
const AGAIN_MS = 5_000;

const unsaid = new Map<string, number>();
let timer: ReturnType<typeof setTimeout> | undefined;

function sayIn(ms: number): void {
  timer ??= setTimeout(() => {
    timer = undefined;
    for (const [room, number] of unsaid) void say(room, number);
  }, ms);
}

async function say(room: string, number: number): Promise<void> {
  try {
    await putRead(room, number);
  } catch (thrown) {
    if (Problem.of(thrown).isPassing) {
      sayIn(AGAIN_MS);
      return;
    }
  }
  if (unsaid.get(room) === number) unsaid.delete(room);
}

/** All of it has been seen. */
export function markRead(id: string): void {
  const room = rooms.peek().get(id);
  if (room === undefined || !room.joined || room.read >= room.number) return;
  changeRoom(id, (known) => ({ ...known, read: known.number }));
  unsaid.set(id, room.number);
  sayIn(SOON_MS);
}

/** Somebody else is logged in. */
export function forgetReading(): void {
  unsaid.clear();
}
