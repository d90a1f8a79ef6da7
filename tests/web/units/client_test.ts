// SPDX-License-Identifier: MIT
// The client of the HTTP interface, with the network in the test's hands.
import './device';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer, api } from '../../../tools/web/src/api/client';
import type { Problem } from '../../../tools/web/src/api/problem';
import { late } from '../../../tools/web/src/state/connection';
import { begin, end, forget, type LoggedIn } from '../../../tools/web/src/state/session';

const logIn = (id: string): void =>
  begin({ access_token: `token of ${id}`, refresh_token: 'r', expires_in: 3600, user: { id, name: id } } as unknown as LoggedIn);

/** What is asked waits here to be answered. */
const asked: { token: string | null; answer: (status: number) => void }[] = [];

globalThis.fetch = ((request: Request) =>
  new Promise<Response>((resolve) => {
    const token = request.headers.get('Authorization');
    asked.push({ token, answer: (status) => resolve(new Response('{}', { status, headers: { 'Content-Type': 'application/json' } })) });
  })) as typeof fetch;

const say = () => answer(api.POST('/api/v1/rooms/{id}/messages', { params: { path: { id: 'r' } }, body: { client_id: 'c', text: 'Mine' } }));

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function untilAsked(count: number): Promise<void> {
  while (asked.length < count) await turn();
}

test('what somebody said never goes out in the name of who logs in after them', { timeout: 20_000 }, async () => {
  asked.length = 0;
  logIn('mina');
  const refused = assert.rejects(say(), (problem: Problem) => problem.code === 'unauthenticated');
  await untilAsked(1);
  forget();
  logIn('jun');
  asked[0]!.answer(503); // so it is tried again
  await refused;
  assert.deepEqual(asked.map(({ token }) => token), ['Bearer token of mina']);
});

test('what was asked when the session ended goes on when the same person is back', { timeout: 20_000 }, async () => {
  asked.length = 0;
  logIn('mina');
  end();
  const done = say();
  await turn();
  assert.equal(asked.length, 0, 'it waits');
  logIn('mina');
  await untilAsked(1);
  asked[0]!.answer(201);
  await done;
  assert.deepEqual(asked.map(({ token }) => token), ['Bearer token of mina']);
});

test('people are told of an answer that is late, until it is there', { timeout: 20_000 }, async () => {
  asked.length = 0;
  logIn('mina');
  const done = say();
  await untilAsked(1);
  assert.equal(late.value, 0, 'not at once');
  await new Promise<void>((resolve) => late.subscribe((count) => count > 0 && resolve()));
  asked[0]!.answer(201);
  await done;
  assert.equal(late.value, 0);
});
