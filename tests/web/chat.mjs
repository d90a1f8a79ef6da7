// SPDX-License-Identifier: MIT
// Rooms: two browsers, what happens while something is gone, history, what is unread.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { ask, bridge, flow, looksRight, server, shoot, until } from './lib.mjs';

/** Older messages take so long to come: time to see where the others stand before. */
const OLDER_MS = 200;

async function makeRoom(owner, name, others = []) {
  const room = await ask(owner, 'POST', '/api/v1/rooms', { name, kind: 'group', visibility: 'public' });
  for (const other of others) await ask(other, 'POST', `/api/v1/rooms/${room.id}/join`);
  return room;
}

const post = (person, room, text) =>
  ask(person, 'POST', `/api/v1/rooms/${room.id}/messages`, { client_id: crypto.randomUUID(), text });

const message = (page, text) => page.getByRole('log').getByText(text, { exact: true });

/** Writes it, and sends it by Enter. */
async function say(page, text) {
  await page.getByRole('main').locator('textarea').fill(text);
  await page.keyboard.press('Enter');
}

/** How often it stands in the room's log. */
async function timesSaid(person, room, text) {
  const { items } = await ask(person, 'GET', `/api/v1/rooms/${room.id}/messages?limit=100`);
  return items.filter((item) => item.text === text).length;
}

async function isThereOnce(page, text) {
  await until(async () => (await page.locator('[data-unsent]').count()) === 0, `${text} is sent`);
  assert.equal(await message(page, text).count(), 1, text);
}

for (const [language, phone, empty] of [['en', false, 'No rooms yet'], ['ko', true, undefined]]) {
  flow(`who is in no room yet is told what to do (${language})`, async ({ open, someone }) => {
    const page = await open(await someone('Mina'), { path: '/rooms', language, phone });
    await page.getByRole('main').getByRole('button').first().waitFor();
    if (empty) await page.getByText(empty).first().waitFor();
    await looksRight(page);
    await shoot(page, `no-rooms-${language}`);
  });
}

flow('two people talk in two browsers', async ({ open, someone }) => {
  const mina = await someone('Mina');
  const hers = await open(mina, { path: '/rooms' });
  await hers.getByRole('button', { name: 'New room' }).first().click();
  await hers.getByRole('dialog').getByLabel('Name').fill('Tea 차');
  await looksRight(hers);
  await hers.getByRole('button', { name: 'Create room' }).click();
  await hers.getByText('This is where it begins.').waitFor();
  const his = await open(await someone('오토'), { path: new URL(hers.url()).pathname, phone: true, language: 'ko' });
  await his.getByRole('button', { name: '참여하기' }).click();
  await his.getByRole('main').locator('textarea').waitFor();
  await say(hers, 'Green or black?');
  await message(his, 'Green or black?').waitFor();
  await say(his, '초록색이요');
  await message(hers, '초록색이요').waitFor();
  await isThereOnce(his, '초록색이요');
  await looksRight(hers);
  await looksRight(his);
  await shoot(hers, 'chat');
  await shoot(his, 'chat-phone-ko');
});

flow('what is said while the bridge is gone comes once when it is back', async ({ open, someone }) => {
  const mina = await someone('Mina');
  const otto = await someone('Otto');
  const room = await makeRoom(mina, 'Bridge', [otto]);
  const hers = await open(mina, { path: `/rooms/${room.id}` });
  const his = await open(otto, { path: `/rooms/${room.id}`, phone: true });
  await say(hers, 'before');
  await message(his, 'before').waitFor();
  await bridge.kill();
  await say(hers, 'meanwhile');
  await hers.getByText('Will be sent when you are connected again').waitFor();
  await looksRight(hers);
  await shoot(hers, 'chat-waiting');
  await bridge.start();
  await message(his, 'meanwhile').waitFor();
  await isThereOnce(hers, 'meanwhile');
  await isThereOnce(his, 'meanwhile');
  assert.equal(await timesSaid(mina, room, 'meanwhile'), 1);
});

flow('what is said while the server is gone comes once when it is back', async ({ open, someone }) => {
  const mina = await someone('Mina');
  const otto = await someone('Otto');
  const room = await makeRoom(mina, 'Server', [otto]);
  const hers = await open(mina, { path: `/rooms/${room.id}`, phone: true });
  const his = await open(otto, { path: `/rooms/${room.id}` });
  await say(hers, 'before');
  await message(his, 'before').waitFor();
  await server.kill();
  await say(hers, 'meanwhile');
  await server.start();
  await message(his, 'meanwhile').waitFor();
  await isThereOnce(hers, 'meanwhile');
  await say(his, 'after');
  await message(hers, 'after').waitFor();
  assert.equal(await timesSaid(mina, room, 'meanwhile'), 1);
});

flow('what was missed without a network is there when it is back', async ({ open, someone }) => {
  const mina = await someone('Mina');
  const otto = await someone('Otto');
  const room = await makeRoom(mina, 'Network', [otto]);
  const hers = await open(mina, { path: `/rooms/${room.id}`, phone: true });
  await hers.getByText('This is where it begins.').waitFor();
  await hers.context().setOffline(true);
  await say(hers, 'from the tunnel');
  await post(otto, room, 'are you there?');
  await hers.context().setOffline(false);
  await message(hers, 'are you there?').waitFor();
  await isThereOnce(hers, 'from the tunnel');
  assert.equal(await timesSaid(otto, room, 'from the tunnel'), 1);
});

flow('history is read upwards without jumps, to its beginning', async ({ open, someone }) => {
  const mina = await someone('Mina');
  const room = await makeRoom(mina, 'History');
  for (let number = 1; number <= 130; number++) await post(mina, room, `message ${number}`);
  const page = await open(mina, { path: `/rooms/${room.id}` });
  await message(page, 'message 130').waitFor();
  await page.route('**/messages?*', async (route) => {
    await pause(OLDER_MS);
    await route.continue();
  });
  const log = page.getByRole('log');
  const topmost = () =>
    log.evaluate((box) => {
      const from = box.getBoundingClientRect().top;
      const first = [...box.querySelectorAll('.message-text')].find((one) => one.getBoundingClientRect().top >= from);
      return { text: first.textContent, top: first.getBoundingClientRect().top };
    });
  await log.hover();
  for (let rounds = 0; (await page.getByText('This is where it begins.').count()) === 0; rounds++) {
    assert.ok(rounds < 50, 'the beginning is never reached');
    await page.mouse.wheel(0, -600);
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const before = await topmost();
    await until(async () => (await log.getAttribute('aria-busy')) !== 'true', 'older messages are loaded');
    const place = await message(page, before.text).evaluate((one) => one.getBoundingClientRect().top);
    assert.ok(Math.abs(place - before.top) < 4, `${before.text} jumped from ${before.top} to ${place}`);
  }
  await until(async () => (await message(page, 'message 1').count()) === 1);
  assert.equal(await log.locator('.message-text').count(), 130);
  await looksRight(page);
  await page.getByRole('button', { name: 'To the latest' }).click();
  await until(() => message(page, 'message 130').isVisible());
});

flow('what is unread is counted, marked by a line, and read by being seen', async ({ open, someone }) => {
  const mina = await someone('Mina');
  const otto = await someone('Otto');
  const room = await makeRoom(mina, 'Unread', [otto]);
  await post(otto, room, 'one');
  await ask(mina, 'PUT', `/api/v1/rooms/${room.id}/read`, { number: 1 });
  const page = await open(mina, { path: '/rooms' });
  await page.getByRole('link', { name: /Unread/ }).waitFor();
  await post(otto, room, 'two');
  await post(otto, room, 'three');
  const counted = page.getByRole('link', { name: /2 unread messages/ });
  await counted.waitFor();
  await looksRight(page);
  await shoot(page, 'unread');
  await counted.click();
  await page.getByText('Unread from here').waitFor();
  await until(async () => {
    const { items } = await ask(mina, 'GET', '/api/v1/inbox');
    return items.find((item) => item.room.id === room.id)?.unread === 0;
  }, 'it is read');
  await page.goto('/rooms');
  await page.getByRole('link', { name: /Unread/ }).waitFor();
  assert.equal(await counted.count(), 0);
});
