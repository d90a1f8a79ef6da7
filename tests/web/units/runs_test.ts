// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Run } from '../../../tools/web/src/pages/jobs/calls';
import { everyDay, topDay } from '../../../tools/web/src/pages/jobs/days';
import { mergeRuns } from '../../../tools/web/src/pages/jobs/merge_runs';

const runs = (...numbers: number[]): Run[] => numbers.map((run) => ({ run }) as Run);

test('a page that is asked for again loses no older runs and repeats none', () => {
  assert.deepEqual(mergeRuns(runs(5, 4, 3), runs(4, 3, 2, 1)), runs(5, 4, 3, 2, 1));
  assert.deepEqual(mergeRuns([], runs(2, 1)), runs(2, 1));
  assert.deepEqual(mergeRuns(runs(1), []), runs(1));
});

test('a plot has every day up to the last, those without sign-ups as zeros', () => {
  const until = Date.parse('2026-03-31T12:00:00Z');
  const { times, users } = everyDay([{ day: '2026-03-01', users: 2 }, { day: '2026-03-30', users: 1 }], until);
  assert.equal(times.length, 31);
  assert.equal(users[0], 2);
  assert.equal(users[29], 1);
  assert.equal(users.reduce((sum, count) => sum + count), 3);
  assert.equal(everyDay([{ day: '2026-03-31', users: 2 }], until).times.length, 14);
});

test('of equal days the first is the top', () => {
  assert.equal(topDay([{ day: 'a', users: 1 }, { day: 'b', users: 3 }, { day: 'c', users: 3 }])?.day, 'b');
  assert.equal(topDay([]), undefined);
});
