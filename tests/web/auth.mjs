// SPDX-License-Identifier: MIT
// Signing up, logging in, the frame around the pages, settings.
import assert from 'node:assert/strict';
import { ask, bridge, fillLogIn, flow, isInside, looksRight, shoot, stranger } from './lib.mjs';

const words = {
  en: { signUp: 'Sign up', logIn: 'Log in', wrong: 'E-mail or password is wrong.', taken: /account with this e-mail/, logOut: 'Log out', you: 'You' },
  ko: { signUp: '가입하기', logIn: '로그인', wrong: '이메일이나 비밀번호가 맞지 않아요.', taken: /이미 가입된 이메일/, logOut: '로그아웃', you: '나' },
};

for (const [language, says] of Object.entries(words)) {
  const phone = language === 'ko';
  flow(`somebody signs up, logs out and logs in (${language})`, async ({ open }) => {
    const mina = stranger('미나 Mina');
    const page = await open(undefined, { language, phone, path: '/login' });
    assert.equal(await page.locator('html').getAttribute('lang'), language);
    await looksRight(page);
    await shoot(page, `log-in-${language}`);
    await page.getByRole('link', { name: says.signUp }).click();
    await page.locator('input[name=name]').fill(mina.name);
    await page.locator('input[name=email]').fill(mina.email);
    await page.locator('input[name=password]').fill(mina.password);
    await looksRight(page);
    await shoot(page, `sign-up-${language}`);
    await page.getByRole('button', { name: says.signUp, exact: true }).click();
    await isInside(page);
    await page.goto('/settings');
    await page.getByText(mina.email).waitFor();
    await looksRight(page);
    await shoot(page, `settings-${language}`);
    await page.getByRole('button', { name: says.logOut, exact: true }).click();
    await fillLogIn(page, mina);
    await page.reload();
    await isInside(page);
  });

  flow(`what is wrong with a log-in is said (${language})`, async ({ open, someone }) => {
    const otto = await someone('Otto');
    const page = await open(undefined, { language, phone, path: '/login' });
    await page.locator('input[name=email]').fill(otto.email);
    await page.locator('input[name=password]').fill('not this one');
    await page.locator('form button[type=submit]').click();
    await page.getByText(says.wrong).waitFor();
    await looksRight(page);
    await page.getByRole('link', { name: says.signUp }).click();
    await page.locator('input[name=name]').fill('Otto');
    await page.locator('input[name=email]').fill(otto.email);
    await page.locator('input[name=password]').fill(otto.password);
    await page.getByRole('button', { name: says.signUp, exact: true }).click();
    await page.getByText(says.taken).waitFor();
    await looksRight(page);
  });
}

flow('the page that was asked for comes after logging in', async ({ open, someone }) => {
  const page = await open(undefined, { path: '/settings' });
  await fillLogIn(page, await someone('Mina'));
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
  assert.equal(new URL(page.url()).pathname, '/settings');
});

flow('the page that was asked for comes after signing up', async ({ open }) => {
  const page = await open(undefined, { path: '/rooms/public?from=letter' });
  await page.getByRole('link', { name: 'Sign up' }).click();
  await page.locator('input[name=name]').fill('Mina');
  await fillLogIn(page, stranger());
  assert.equal(new URL(page.url()).pathname, '/rooms/public');
});

flow('an address that leads nowhere says so, in the frame', async ({ open, someone }) => {
  const page = await open(await someone('Mina'), { path: '/no/such/page' });
  await page.getByText('There is nothing here').waitFor();
  await looksRight(page);
});

flow('the language and the theme are changed and kept', async ({ open, someone }) => {
  const page = await open(await someone('Mina'), { path: '/settings', phone: true });
  await page.getByRole('radio', { name: '한국어' }).check();
  await page.getByRole('radio', { name: '어둡게' }).check();
  await page.reload();
  await page.getByRole('button', { name: '로그아웃', exact: true }).waitFor();
  assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
  await looksRight(page);
  await shoot(page, 'settings-dark-ko');
});

flow('a session that was ended elsewhere is told, and begun again in place', async ({ open, someone }) => {
  const mina = await someone('Mina');
  const page = await open(mina, { path: '/settings' });
  await ask(mina, 'POST', '/api/v1/auth/logout-all');
  const dialog = page.getByRole('dialog');
  await dialog.waitFor();
  await looksRight(page);
  await dialog.locator('input[name=password]').fill(mina.password);
  await dialog.locator('button[type=submit]').click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(new URL(page.url()).pathname, '/settings');
});

flow('a page says when the bridge is gone, and when it is back it goes on by itself', async ({ open, someone }) => {
  const page = await open(await someone('Mina'), { path: '/settings' });
  await page.getByText('Where you are logged in').waitFor();
  await bridge.kill();
  await page.getByText('Connecting again…').waitFor();
  await looksRight(page);
  await bridge.start();
  await page.getByText('Connecting again…').waitFor({ state: 'detached' });
});

flow('everything can be reached by the keyboard', async ({ open }) => {
  const page = await open(undefined, { path: '/login' });
  const reached = [];
  for (let i = 0; i < 8; i++) {
    await page.keyboard.press('Tab');
    reached.push(await page.evaluate(() => document.activeElement?.getAttribute('name') ?? document.activeElement?.textContent));
  }
  for (const wanted of ['email', 'password', 'Log in', 'Sign up', '한국어']) {
    assert.ok(reached.includes(wanted), `${wanted} is not among ${reached}`);
  }
});

flow('what is loaded to log in and see the first page is small', async ({ open, someone }) => {
  const mina = await someone('Mina');
  const page = await open(undefined, { path: '/livez' });
  const sizes = [];
  page.on('response', (response) => sizes.push(response.headerValue('content-length').then(Number, () => 0)));
  await page.goto('/login');
  await fillLogIn(page, mina);
  await page.waitForLoadState('networkidle');
  const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  assert.ok(bytes > 10_000 && bytes < 150 * 1024, `${bytes} bytes`);
});
