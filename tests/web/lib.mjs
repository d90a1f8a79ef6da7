// SPDX-License-Identifier: MIT
/**
 * For flows through the web app:
 *
 *   flow('what must be so', async ({ someone, open }) => {
 *     const mina = await someone('Mina');                      signed up by the API
 *     const page = await open(mina, { phone: true });          in a browser context of her own, logged in
 *     await page.getByRole('button', { name: 'Log out' }).click();
 *   });
 *
 * There is one server, one bridge and one browser for all; they end with the process. A flow has failed also if a page
 * threw, logged an error, broke its policy or asked another host. Every page is kept as a picture, build/test-logs/web/FLOW-N.png.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { chromium } from 'playwright-core';

const root = new URL('../../', import.meta.url).pathname;
const pictures = `${root}build/test-logs/web/`;
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const folder = mkdtempSync('/tmp/doran-web.');
const data = `${folder}/data`;
const password = 'correct horse 1';
const WAIT_MS = 15_000;

export const viewports = { phone: { width: 390, height: 844 }, desktop: { width: 1440, height: 900 } };
/** How long an order keeps its pieces: long enough to be paid, short enough to be waited for. */
export const RESERVATION_MS = 6_000;

/** Waits until `look` gives something true, and returns it. */
export async function until(look, what = look.toString()) {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(Date.now() < deadline, `not within ${WAIT_MS} ms: ${what}`);
    await pause(20);
  }
}

/* The programs */

function program(name, flags) {
  const child = spawn(`${process.env.DORAN_BIN}/${name}`, ['--data', data, '--set', `reservation_ms=${RESERVATION_MS}`, ...flags], {
    env: { ...process.env, DORAN_WEB: `${root}build/web` },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.setEncoding('utf8');
  child.ready = new Promise((resolve, reject) => {
    let printed = '';
    child.stdout.on('data', (text) => {
      printed += text;
      const line = /^ready (.*)\n/m.exec(printed);
      if (line) resolve(line[1]);
    });
    child.on('exit', (code, signal) => reject(new Error(`${name} ended with ${signal ?? code}`)));
  });
  child.ready.catch(() => {});
  return child;
}

async function kill(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

let place = '127.0.0.1:0';

export const server = {
  async start() {
    this.child = program('dorand', ['--listen', 'tcp://127.0.0.1:*']);
    await this.child.ready;
  },
  kill() {
    return kill(this.child);
  },
};

export const bridge = {
  /** Again where it was, so that pages find it. */
  async start() {
    this.child = program('doran-bridge', ['--http', place]);
    this.url = await this.child.ready;
    place = new URL(this.url).host;
  },
  kill() {
    return kill(this.child);
  },
};

/* People */

/** Asks the API: as nobody, or as somebody of `someone`. Resolves to what was answered, or throws the problem. */
export async function ask(person, method, path, body, headers = {}) {
  const answer = await fetch(`${bridge.url}${path}`, {
    method,
    headers: {
      ...(person ? { authorization: `Bearer ${person.token}` } : {}),
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...headers,
    },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

async function logIn(person) {
  const answer = await ask(undefined, 'POST', '/api/v1/auth/login', { email: person.email, password: person.password });
  return Object.assign(person, { id: answer.user.id, name: answer.user.name, token: answer.access_token, answer });
}

let people = 0;

/** Nobody knows them yet: for forms. */
export function stranger(name = 'Mina') {
  people++;
  return { name, email: `person${people}@example.org`, password };
}

async function someone(name) {
  const person = stranger(name);
  await ask(undefined, 'POST', '/api/v1/users', { email: person.email, password, name });
  return logIn(person);
}

async function administrator() {
  const { email, password: secret } = JSON.parse(readFileSync(`${data}/secrets/admin.json`, 'utf8'));
  return logIn({ email, password: secret });
}

/* Pages */

const browser = await start();

async function start() {
  mkdirSync(pictures, { recursive: true });
  await server.start();
  await bridge.start();
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

after(async () => {
  await browser.close();
  await bridge.kill();
  await server.kill();
  rmSync(folder, { recursive: true });
});

/** What pages must not do; what the server refuses, and that it is gone at times, is told to people. */
function watch(page, complaints) {
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.stack}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/^Failed to load resource|WebSocket connection to/.test(message.text())) {
      complaints.push(`${page.url()}: ${message.text()}`);
    }
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.host !== place && url.protocol !== 'data:' && url.protocol !== 'blob:') complaints.push(`asks ${url.href}`);
  });
}

/** The browser of somebody who logged in before (tools/web/src/state/session.ts): a form for each would take long. */
function storageOf({ answer }) {
  const tokens = { access: answer.access_token, refresh: answer.refresh_token, until: Date.now() + answer.expires_in * 1000 };
  const session = { name: 'doran.session', value: JSON.stringify({ user: answer.user, tokens }) };
  return { cookies: [], origins: [{ origin: bridge.url, localStorage: [session] }] };
}

/** In a browser of this kind, where the person, if there is one, is logged in. */
async function openPage(contexts, complaints, person, { path = '/', phone = false, language = 'en', dark = false } = {}) {
  const context = await browser.newContext({
    baseURL: bridge.url,
    viewport: phone ? viewports.phone : viewports.desktop,
    hasTouch: phone,
    isMobile: phone,
    locale: language === 'ko' ? 'ko-KR' : 'en-GB',
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    storageState: person && storageOf(person),
  });
  contexts.push(context);
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  watch(page, complaints);
  await page.goto(path);
  return page;
}

export async function fillLogIn(page, person) {
  await page.locator('input[name=email]').fill(person.email);
  await page.locator('input[name=password]').fill(person.password);
  await page.locator('form button[type=submit]').click();
  await isInside(page);
}

/** Until who is there is logged in: the frame is around the page. */
export function isInside(page) {
  return page.getByRole('navigation').first().waitFor();
}

/** No finding of axe, and nothing wider than the page. */
export async function looksRight(page) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  const said = violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).join(' ')}`);
  assert.deepEqual(said, []);
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(wider, 0, 'the page can be scrolled sideways');
}

/** The page as a picture, for the artefacts. */
export function shoot(page, name) {
  return page.screenshot({ path: `${pictures}${name}.png` });
}

/** A test: `steps` gets what it needs, and what it opened is closed behind it. */
export function flow(name, steps) {
  return test(name, { timeout: 60_000 }, async () => {
    const contexts = [];
    const complaints = [];
    const open = (person, options) => openPage(contexts, complaints, person, options);
    try {
      await steps({ open, someone, administrator });
      assert.deepEqual(complaints, []);
    } catch (error) {
      for (const page of contexts.flatMap((context) => context.pages())) {
        await shoot(page, `failed-${name.replaceAll(/\W+/g, '-')}`).catch(() => {});
      }
      throw error;
    } finally {
      for (const context of contexts) await context.close();
    }
  });
}
