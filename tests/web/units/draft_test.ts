// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draftOf, type Job, planOf, type Schedule, scheduleOf } from '../../../tools/web/src/pages/jobs/draft';

const job = (schedule: Schedule): Job => ({
  name: 'user-statistics',
  schedule,
  time_zone: 'Asia/Seoul',
  overlap: 'skip',
  catch_up: 'latest',
  dst: { gap: 'skip', fold: 'both' },
  jitter_s: 5,
  enabled: false,
  params: { users_per_step: 7 },
  runs: 0,
  waiting: 0,
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
});

test('a plan that was not touched is saved as it was, with what the form does not show', () => {
  for (const schedule of [{ cron: '30 3 * * *' }, { cron: '0 9 * * 1,5' }, { cron: '15 0 31 * *' }, { cron: '*/7 1-3 * 2 *' }, { every_s: 5400 }, { every_s: 86_400 }, { at: '2026-12-24T18:00:00.000Z' }]) {
    const { name, runs, waiting, created_at, updated_at, ...plan } = job(schedule);
    assert.deepEqual(planOf(draftOf(job(schedule)), job(schedule)), plan);
  }
});

test('seconds that make no whole minutes are not rounded away', () => {
  assert.deepEqual(scheduleOf(draftOf(job({ every_s: 90 }))), { every_s: 90 });
});

test('an expression that has a simple way is edited in it', () => {
  assert.equal(draftOf(job({ cron: '30 3 * * *' })).way, 'daily');
  assert.equal(draftOf(job({ cron: '30 3 * * 1' })).way, 'weekly');
  assert.equal(draftOf(job({ cron: '30 3 9 * *' })).way, 'monthly');
  assert.equal(draftOf(job({ cron: '30 3 9 * 1' })).way, 'cron');
  assert.equal(draftOf(job({ cron: '30 3 9 1 *' })).way, 'cron');
  assert.equal(draftOf(job({ cron: 'unreadable' })).cron, 'unreadable');
});
