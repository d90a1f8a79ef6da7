// SPDX-License-Identifier: MIT
/**
 * The one client of the HTTP interface, typed by the document.
 *
 *   const room = await answer(api.GET('/api/v1/rooms/{id}', { params: { path: { id } } }));
 *
 * A refusal is thrown as a Problem. On the way: the access token, renewed when it is old; an Idempotency-Key on whatever is
 * not safe, so that a retry is the same request; tries again after a lost connection, 429 and 503. When the session is over,
 * requests wait until the same person has logged in again; none ever goes out in the name of somebody else.
 */
import createClient from 'openapi-fetch';
import { noteLate } from '../state/connection';
import { isOver, session } from '../state/session';
import type { paths } from './document';
import { Problem, retryAfterS, type Document } from './problem';
import { accessToken, refresh, untilDecided } from './tokens';

const TRIES = 4;
const PAUSE_MS = 400;
const WAIT_S_MAX = 10; // that is waited for unasked

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A version-4 UUID; crypto.randomUUID is there for safe origins only. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const isSafe = (request: Request): boolean => request.method === 'GET' || request.method === 'HEAD';

/** Logging in and what leads there: needs no token, and its 401 says nothing about the session. */
const isWayIn = (request: Request): boolean => /^\/api\/v1\/auth\/(login|refresh|password\/(forgot|reset))$/.test(new URL(request.url).pathname);

const takesKey = (request: Request): boolean => !isSafe(request) && !/\/api\/v1\/auth\//.test(request.url);

/** When the session is over, that of the next one. */
async function tokenInTime(): Promise<string | undefined> {
  let token = await accessToken();
  while (token === undefined && isOver.value) {
    await untilDecided();
    token = await accessToken();
  }
  return token;
}

/** undefined: nobody answered. */
async function tryOnce(request: Request, token: string | undefined): Promise<Response | undefined> {
  const tried = request.clone();
  if (token !== undefined) tried.headers.set('Authorization', `Bearer ${token}`);
  try {
    return await fetch(tried);
  } catch (thrown) {
    if (request.signal.aborted) throw thrown;
    return undefined;
  }
}

/** How long to wait before the next try, in ms; undefined: that was the answer. */
function pauseAfter(request: Request, response: Response | undefined, tries: number): number | undefined {
  if (tries >= TRIES) return undefined;
  const later = PAUSE_MS * 2 ** (tries - 1) * (0.5 + Math.random());
  if (response === undefined) return isSafe(request) || request.headers.has('Idempotency-Key') ? later : undefined;
  if (response.status !== 429 && response.status !== 503) return undefined;
  const asked = retryAfterS(response);
  return asked <= WAIT_S_MAX && !isWayIn(request) ? Math.max(later, asked * 1000) : undefined;
}

async function send(request: Request): Promise<Response> {
  const who = session.peek()?.user.id;
  if (takesKey(request) && !request.headers.has('Idempotency-Key')) request.headers.set('Idempotency-Key', newId());
  for (let tries = 1; ; tries++) {
    const token = isWayIn(request) ? undefined : await tokenInTime();
    if (token !== undefined && who !== undefined && session.peek()?.user.id !== who) throw new Problem({ code: 'unauthenticated' });
    const response = await noteLate(() => tryOnce(request, token));
    if (response?.status === 401 && token !== undefined && tries < TRIES) {
      if (session.value?.tokens?.access === token) await refresh(token);
      continue;
    }
    const ms = pauseAfter(request, response, tries);
    if (ms === undefined) {
      if (response === undefined) throw Problem.network();
      return response;
    }
    await pause(ms);
  }
}

export const api = createClient<paths>({ baseUrl: location.origin, fetch: send });

interface Outcome<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

function refusal(error: unknown, response: Response): Problem {
  const document = typeof error === 'object' && error !== null ? (error as Partial<Document>) : {};
  return new Problem({ status: response.status, ...document }, retryAfterS(response));
}

/** The body of the answer. Throws a Problem. */
export async function answer<T>(outcome: Promise<Outcome<T>>): Promise<T> {
  return (await tagged(outcome)).value;
}

/** The body with its ETag, to be given to `ifMatch`. */
export async function tagged<T>(outcome: Promise<Outcome<T>>): Promise<{ value: T; tag: string }> {
  const { data, error, response } = await outcome;
  if (!response.ok) throw refusal(error, response);
  return { value: data as T, tag: response.headers.get('ETag') ?? '' };
}

/** Of `params.query`: which page of a list; undefined: the first. */
export const at = (cursor?: string): { cursor?: string } => (cursor === undefined ? {} : { cursor });

/** For `params.header`: done only if nobody else has changed it meanwhile (else the Problem `precondition_failed`). */
export const ifMatch = (tag: string): { 'If-Match': string } => ({ 'If-Match': tag });

/**
 * The key of something that a person does, which stays the same however often they try: another one only when what they
 * ask for is another, or it was settled. For `params.header` of POSTs that must not happen twice.
 */
export class Attempt {
  #about = '';
  #key = newId();

  header(about: unknown): { 'Idempotency-Key': string } {
    const text = JSON.stringify(about);
    if (text !== this.#about) this.settle();
    this.#about = text;
    return { 'Idempotency-Key': this.#key };
  }

  settle(): void {
    this.#key = newId();
  }
}
