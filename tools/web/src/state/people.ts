// SPDX-License-Identifier: MIT
/** The names of others, asked for once each and a few at a time. */
import { signal, type Signal } from '@preact/signals';
import { Problem } from '../api/problem';
import { readUser } from './rooms_api';

export interface Person {
  readonly id: string;
  /** Undefined: there is nobody of that id any more. */
  readonly name: string | undefined;
}

const AT_ONCE = 4;
const AGAIN_MS = 5_000;

const people = new Map<string, Signal<Person | undefined>>();
const wanted: string[] = [];
let underWay = 0;

async function ask(id: string): Promise<void> {
  try {
    people.get(id)!.value = { id, name: (await readUser(id)).name };
  } catch (thrown) {
    if (Problem.of(thrown).isPassing) setTimeout(() => want(id), AGAIN_MS);
    else people.get(id)!.value = { id, name: undefined };
  }
}

function askNext(): void {
  while (underWay < AT_ONCE && wanted.length > 0) {
    underWay += 1;
    void ask(wanted.shift()!).finally(() => {
      underWay -= 1;
      askNext();
    });
  }
}

function want(id: string): void {
  wanted.push(id);
  queueMicrotask(askNext);
}

/** Undefined until it is known. */
export function person(id: string): Signal<Person | undefined> {
  let known = people.get(id);
  if (known === undefined) {
    known = signal(undefined);
    people.set(id, known);
    want(id);
  }
  return known;
}

/** Somebody whose name is known anyhow, like one's own. */
export function know(someone: Person): void {
  const known = people.get(someone.id);
  if (known === undefined) people.set(someone.id, signal(someone));
  else known.value = someone;
}

/** Whose name one has seen here. */
export function knownPeople(): Person[] {
  return [...people.values()].flatMap((known) => (known.value?.name === undefined ? [] : [known.value]));
}
