// SPDX-License-Identifier: MIT
/** The access token, and a new one when it is old: one refresh at a time over all tabs. */
import { adopt, begin, end, isOver, readSession, session, type LoggedIn } from '../state/session';
import { Problem, retryAfterS } from './problem';

const EXPIRES_SOON_MS = 10_000;

let refreshing: Promise<void> | undefined;

/** One at a time over all tabs; where there are no locks (plain http from elsewhere), over this one. */
async function alone(run: () => Promise<void>): Promise<void> {
  await ('locks' in navigator ? navigator.locks.request('doran.refresh', run) : run());
}

async function ask(token: string): Promise<void> {
  const response = await fetch('/api/v1/auth/refresh', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ refresh_token: token }),
  }).catch(() => {
    throw Problem.network();
  });
  if (response.ok) {
    begin((await response.json()) as LoggedIn);
  } else if (response.status === 401 || response.status === 422) {
    end();
  } else {
    throw new Problem({ status: response.status, code: 'busy' }, retryAfterS(response));
  }
}

/** Afterwards the token is another than `stale`, or the session is over. Throws a passing Problem if that is not known. */
export function refresh(stale: string): Promise<void> {
  refreshing ??= alone(async () => {
    const now = readSession();
    if (now?.tokens === undefined || now.tokens.access !== stale) adopt();
    else await ask(now.tokens.refresh);
  }).finally(() => (refreshing = undefined));
  return refreshing;
}

/** A token that is still good for a while; undefined: nobody is logged in, or the session is over. */
export async function accessToken(): Promise<string | undefined> {
  const tokens = session.value?.tokens;
  if (tokens !== undefined && tokens.until < Date.now() + EXPIRES_SOON_MS) await refresh(tokens.access);
  return session.value?.tokens?.access;
}

/** When the session is not over any more, by logging in again, or is none. */
export function untilDecided(): Promise<void> {
  return new Promise((resolve) => {
    const stop = isOver.subscribe((over) => {
      if (over) return;
      resolve();
      queueMicrotask(() => stop());
    });
  });
}

/** Key of the login session that the token names. */
export function currentSession(): string | undefined {
  const part = session.value?.tokens?.access.split('.')[1];
  if (part === undefined) return undefined;
  try {
    return (JSON.parse(atob(part.replaceAll('-', '+').replaceAll('_', '/'))) as { sid?: string }).sid;
  } catch {
    return undefined;
  }
}
