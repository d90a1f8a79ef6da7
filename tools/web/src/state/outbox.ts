// SPDX-License-Identifier: MIT
/**
 * Messages that were written here and that the server has not said to have yet. They outlive the page: each lies in
 * localStorage under its own key, so that no tab writes over what another has there.
 */
import { signal } from '@preact/signals';

export type UnsentState =
  | 'waiting' // for its turn, or for the connection
  | 'sending'
  | 'sent' // the server has it; it goes as soon as the room's log does
  | 'failed'; // and waits for its author

export interface Unsent {
  readonly user: string;
  readonly room: string;
  /** Given once: a second post of it is the first one. */
  readonly client_id: string;
  readonly text: string;
  readonly created_at: string;
  readonly state: UnsentState;
  /** Why it failed: the code of the problem. */
  readonly code?: string;
}

const PREFIX = 'doran.unsent.';

/** Of whoever is logged in, in the order in which they were written. */
export const outbox = signal<readonly Unsent[]>([]);

function keyOf(item: Unsent): string {
  return `${PREFIX}${item.user}.${item.client_id}`;
}

/** Without a storage, or without room in it, they live as long as the page. */
function store(item: Unsent): void {
  try {
    if (item.state === 'sent') {
      localStorage.removeItem(keyOf(item));
    } else {
      localStorage.setItem(keyOf(item), JSON.stringify(item));
    }
  } catch {
    return;
  }
}

function read(key: string): Unsent | undefined {
  try {
    const item = JSON.parse(localStorage.getItem(key) ?? '') as Unsent;
    return typeof item.room === 'string' && typeof item.text === 'string' ? item : undefined;
  } catch {
    return undefined;
  }
}

function storedOf(user: string): Unsent[] {
  try {
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(`${PREFIX}${user}.`))
      .map(read)
      .filter((item) => item !== undefined);
  } catch {
    return [];
  }
}

/** Takes up what this user left unsent. What was under way may have arrived; sent again, it is the same message. */
export function openOutbox(user: string): void {
  outbox.value = storedOf(user)
    .map((item): Unsent => (item.state === 'sending' ? { ...item, state: 'waiting' } : item))
    .sort((a, b) => a.created_at.localeCompare(b.created_at));
}

export function closeOutbox(): void {
  outbox.value = [];
}

export function putUnsent(item: Unsent): void {
  outbox.value = [...outbox.value, item];
  store(item);
}

/** Nothing happens to what is there no longer. */
export function changeUnsent(clientId: string, change: Partial<Unsent>): void {
  outbox.value = outbox.value.map((item) => {
    if (item.client_id !== clientId) return item;
    const changed = { ...item, ...change };
    store(changed);
    return changed;
  });
}

export function dropUnsent(clientId: string): void {
  const item = outbox.value.find((each) => each.client_id === clientId);
  if (item !== undefined) {
    outbox.value = outbox.value.filter((each) => each !== item);
    store({ ...item, state: 'sent' });
  }
}
