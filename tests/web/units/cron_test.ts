// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cronOf } from '../../../tools/web/src/pages/jobs/cron';

test('what the server would refuse is no expression', () => {
  for (const text of ['', '* * * *', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * * 13 *', '* * * * 8', '5-1 * * * *', '5/2 * * * *', '1,,2 * * * *', '*/0 * * * *', '*/x * * * *', '1-2-3 * * * *', '*/2/3 * * * *', '*/60 * * * *', '@never', '* * * * MONDAY', 'JAN * * * *']) {
    assert.equal(cronOf(text), null, text);
  }
});

test('lists, ranges, steps and names are sets', () => {
  const cron = cronOf('*/20 8-10,22 1 JAN,dec MON-FRI')!;
  assert.deepEqual(cron.minutes, [0, 20, 40]);
  assert.deepEqual(cron.hours, [8, 9, 10, 22]);
  assert.deepEqual(cron.months, [1, 12]);
  assert.deepEqual(cron.weekdays, [1, 2, 3, 4, 5]);
});

test('Sunday has two numbers and may end a range', () => {
  assert.deepEqual(cronOf('0 0 * * 7')!.weekdays, [0]);
  assert.deepEqual(cronOf('0 0 * * FRI-SUN')!.weekdays, [0, 5, 6]);
  assert.deepEqual(cronOf('0 0 * * *')!.weekdays, [0, 1, 2, 3, 4, 5, 6]);
});

test('shorthands are read as what they stand for', () => {
  assert.deepEqual(cronOf('@daily'), cronOf('0 0 * * *'));
  assert.deepEqual(cronOf('@Weekly'), cronOf('0 0 * * 0'));
});
