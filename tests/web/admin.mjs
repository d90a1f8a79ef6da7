// SPDX-License-Identifier: MIT
// What administrators do: jobs, people, a look at the server; and that nobody else sees these pages.
import assert from 'node:assert/strict';
import { ask, flow, looksRight, shoot, until } from './lib.mjs';

const job = '/api/v1/jobs/user-statistics';

flow('the pages of administrators are not there for others', async ({ open, someone }) => {
  const page = await open(await someone('Mina'));
  for (const path of ['/admin', '/admin/users', '/jobs', '/shop/new']) {
    await page.goto(path);
    await page.getByText('This page is not for you').waitFor();
  }
  assert.equal(await page.getByRole('navigation').first().getByText('Admin').count(), 0);
});

for (const [language, phone] of [['en', false], ['ko', true]]) {
  flow(`jobs before there is a plan (${language})`, async ({ open, administrator }) => {
    const page = await open(await administrator(), { path: '/jobs', language, phone });
    await page.getByRole('main').getByRole('link').first().waitFor();
    await looksRight(page);
    await page.goto('/jobs/user-statistics/plan');
    await page.getByRole('main').locator('form').waitFor();
    await looksRight(page);
    await shoot(page, `plan-${language}`);
  });
}

flow('what the server refuses of a plan is said at its field', async ({ open, administrator }) => {
  const page = await open(await administrator(), { path: '/jobs/user-statistics/plan' });
  await page.getByLabel('Time zone').fill('Mars/Base');
  await page.getByRole('button', { name: 'Save plan' }).click();
  await page.getByText('The server knows no such time zone.').waitFor();
  await page.getByLabel('Cron expression').check();
  await page.getByLabel('Expression', { exact: true }).fill('99 3 * * *');
  await page.getByLabel('Time zone').fill('UTC');
  await page.getByRole('button', { name: 'Save plan' }).click();
  await page.getByText('minute: 99 is not from 0 to 59').waitFor();
  await looksRight(page);
});

flow('a job is run now, and its report is seen', async ({ open, administrator }) => {
  const admin = await administrator();
  await ask(admin, 'PUT', job, { schedule: { every_s: 86_400 } });
  const page = await open(admin, { path: '/jobs/user-statistics' });
  await page.getByRole('button', { name: 'Run now' }).click();
  await page.getByRole('link', { name: /Run 1/ }).click();
  await page.getByRole('heading', { name: 'Report' }).waitFor();
  await page.getByText('Sign-ups by day', { exact: true }).waitFor();
  await looksRight(page);
  await shoot(page, 'report');
  await page.goto('/jobs/user-statistics');
  await page.getByText('Done').first().waitFor();
  await looksRight(page);
});

flow('people are looked up and suspended, and cut off at once', async ({ open, someone, administrator }) => {
  const mina = await someone('미나리');
  const hers = await open(mina, { path: '/settings' });
  const page = await open(await administrator(), { path: '/admin/users' });
  await page.getByRole('main').getByRole('listitem').first().waitFor();
  await looksRight(page);
  await shoot(page, 'people');
  await page.getByRole('searchbox').fill('나리');
  await page.waitForURL('**/admin/users?query=*');
  await page.getByText('미나리').waitFor();
  await page.getByRole('searchbox').fill('나리나리');
  await page.getByText('Nobody found').waitFor();
  await page.goto(`/admin/users/${mina.id}`);
  await page.getByRole('button', { name: 'Suspend' }).click();
  await page.getByRole('dialog').getByLabel('Reason').fill('spam');
  await looksRight(page);
  await page.getByRole('dialog').getByRole('button', { name: 'Suspend' }).click();
  await page.getByText('미나리 is suspended.').waitFor();
  await looksRight(page);
  await hers.getByRole('dialog').waitFor();
  await page.goto('/admin/users?status=SUSPENDED');
  await page.getByText('미나리').waitFor();
});

for (const [language, phone] of [['en', false], ['ko', true]]) {
  flow(`the server is watched (${language})`, async ({ open, administrator }) => {
    const page = await open(await administrator(), { path: '/admin', language, phone, dark: phone });
    await until(async () => (await page.getByRole('main').getByRole('heading').count()) > 3, 'its figures are there');
    await looksRight(page);
    await shoot(page, `server-${language}`);
  });
}
