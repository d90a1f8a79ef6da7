// SPDX-License-Identifier: MIT
// What of the chat needs no browser: logs, the rows made of them, links, what is unread.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { piecesOf } from '../../../tools/web/src/pages/chat/links';
import { messageKey, rowsOf, withUnsent, type Row } from '../../../tools/web/src/pages/chat/rows';
import { emptyLog, reachesBack, tailOf, withEntries, type Entry, type Log } from '../../../tools/web/src/state/log';
import type { Unsent } from '../../../tools/web/src/state/outbox';
import { newer, unreadOf, withEntry, type Room } from '../../../tools/web/src/state/rooms';

const AT = Date.parse('2026-03-01T12:00:00Z');
const minutes = (count: number): string => new Date(AT + count * 60000).toISOString();

function message(seq: number, author = 'kim', at = seq): Entry {
  return { seq, type: 'message', number: seq - 1, author, client_id: `c${seq}`, text: `text ${seq}`, created_at: minutes(at) };
}

function unsent(client_id: string): Unsent {
  return { user: 'me', room: 'r', client_id, text: 'text', created_at: minutes(3), state: 'sending' };
}

function seqs(log: Log | undefined): number[] {
  return log!.entries.map((entry) => entry.seq);
}

/** mulberry32 */
function randomOf(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

test('a log takes nothing that would leave a gap', () => {
  const log = withEntries(emptyLog, [message(5), message(6)])!;
  assert.equal(withEntries(log, [message(8)]), undefined);
  assert.equal(withEntries(log, [message(3)]), undefined);
});

test('a log takes nothing twice', () => {
  const log = withEntries(emptyLog, [message(5), message(6)])!;
  assert.equal(withEntries(log, [message(5), message(6)]), log);
  assert.deepEqual(seqs(withEntries(log, [message(7), message(6), message(7)])), [5, 6, 7]);
});

test('a log grows at both ends, and keeps the objects that it has', () => {
  const log = withEntries(emptyLog, [message(3), message(2)])!;
  const more = withEntries(log, [message(1), message(4), message(2)])!;
  assert.deepEqual(seqs(more), [1, 2, 3, 4]);
  assert.equal(more.entries[1], log.entries[0]);
  assert.ok(reachesBack(more));
  assert.deepEqual(seqs(tailOf(more, 2)), [3, 4]);
});

test('whatever pages and events come in whatever order, a log stays dense', () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1000000);
  const random = randomOf(seed);
  let log = withEntries(emptyLog, [message(500)])!;
  for (let step = 0; step < 2000; step++) {
    const from = 1 + Math.floor(random() * 1000);
    const page = Array.from({ length: 1 + Math.floor(random() * 60) }, (_, index) => message(from + index));
    log = withEntries(log, page.sort(() => random() - 0.5)) ?? log;
    const got = seqs(log);
    got.forEach((seq, index) => assert.equal(seq, got[0]! + index, `seed ${seed}`));
  }
  assert.ok(log.entries.length > 900, `seed ${seed}`);
});

test('what one wrote is not shown twice, before, while and after the log has it', () => {
  const item = unsent('c3');
  const before = withUnsent([message(2, 'me')], [item], 'me');
  const after = withUnsent([message(2, 'me'), message(3, 'me')], [item], 'me');
  assert.equal(before.length, 2);
  assert.equal(after.length, 2);
  assert.equal(messageKey(before[1]!), messageKey(after[1]!));
});

test('the client id of another is not taken for one\'s own', () => {
  const item = unsent('c2');
  assert.equal(withUnsent([message(2, 'kim')], [item], 'me').length, 2);
});

test('messages of one author are a group while little time lies between, and of one day', () => {
  const kinds = (rows: Row[]) => rows.map((row) => (row.kind === 'group' ? row.messages.length : row.kind));
  const entries = [message(1, 'kim', 0), message(2, 'kim', 1), message(3, 'lee', 2), message(4, 'lee', 30)];
  assert.deepEqual(kinds(rowsOf(entries)), ['day', 2, 1, 1]);
  assert.deepEqual(kinds(rowsOf([...entries, message(5, 'lee', 31 + 24 * 60)])), ['day', 2, 1, 1, 'day', 1]);
});

test('the line of what is unread is before the first unread message, and divides a group', () => {
  const entries = [message(1, 'kim', 0), message(2, 'kim', 1), message(3, 'kim', 2)];
  const rows = rowsOf(entries, 1);
  assert.deepEqual(rows.map((row) => row.kind), ['day', 'group', 'unread', 'group']);
  assert.ok(rows[3]?.kind === 'group' && rows[3].messages[0]?.number === 2);
  assert.ok(!rowsOf(entries, 2).some((row) => row.kind === 'unread'), 'all was read');
});

test('only http and https are links', () => {
  for (const text of ['javascript:alert(1)', 'data:text/html,x', 'ftp://a.b', 'https://', 'a.b/c']) {
    assert.ok(piecesOf(text).every((piece) => piece.href === undefined), text);
  }
});

test('a link ends where the sentence, the bracket or the Korean particle behind it begins', () => {
  const hrefs = (text: string) => piecesOf(text).flatMap((piece) => piece.href ?? []);
  assert.deepEqual(hrefs('See https://a.b/c, (https://a.b/d_(e)) and http://f.g/?h=1!'),
    ['https://a.b/c', 'https://a.b/d_(e)', 'http://f.g/?h=1']);
  assert.deepEqual(hrefs('https://a.b/c를 보세요. https://a.b/한국어'), ['https://a.b/c', 'https://a.b/한국어']);
});

test('pieces of a text are the whole text', () => {
  for (const text of ['', 'a', 'https://a.b', ' https://a.b/. \n(https://c.d) e', 'https://[x y']) {
    assert.equal(piecesOf(text).map((piece) => piece.text).join(''), text);
  }
});

const room: Room = {
  id: 'r',
  name: 'Tea',
  kind: 'group',
  visibility: 'public',
  owner: 'kim',
  seq: 4,
  number: 3,
  read: 1,
  joined: true,
  member_count: 2,
  created_at: minutes(0),
  last_at: minutes(0),
  last: undefined,
};

test('an event that is known changes nothing of a room', () => {
  assert.equal(withEntry(room, message(4), 'me'), room);
});

test('a message of another is unread, one of one\'s own moves the marker', () => {
  assert.equal(unreadOf(withEntry(room, message(5), 'me')), 3);
  assert.equal(unreadOf(withEntry(room, message(5, 'me'), 'me')), 0);
});

test('an older word about a room takes nothing back', () => {
  const now = { ...withEntry(room, message(5), 'me'), read: 4 };
  const merged = newer(now, room);
  assert.equal(merged.seq, 5);
  assert.equal(merged.number, 4);
  assert.equal(merged.read, 4);
  assert.equal(merged.last?.seq, 5);
});
