// SPDX-License-Identifier: MIT
/**
 * Who is logged in: one session for all tabs of the browser, kept until it ends. A session without tokens is over, but its
 * place is not lost: the app asks to log in again above the page that is open.
 */
import { computed, signal } from '@preact/signals';
import type { components } from '../api/document';

export type User = components['schemas']['user_view'];
export type LoggedIn = components['schemas']['logged_in'];

export interface Tokens {
  access: string;
  refresh: string;
  /** When `access` expires, as Date.now() of this device. */
  until: number;
}

export interface Session {
  user: User;
  tokens?: Tokens;
}

const key = 'doran.session';

export function readSession(): Session | undefined {
  try {
    return (JSON.parse(localStorage.getItem(key) ?? 'null') as Session | null) ?? undefined;
  } catch {
    return undefined;
  }
}

function write(value: Session | undefined): void {
  session.value = value;
  if (value === undefined) localStorage.removeItem(key);
  else localStorage.setItem(key, JSON.stringify(value));
}

const found = readSession();

export const session = signal<Session | undefined>(found?.tokens === undefined ? undefined : found);
export const user = computed(() => session.value?.user);
export const isAdmin = computed(() => user.value?.role === 'ADMIN');
export const isOver = computed(() => session.value !== undefined && session.value.tokens === undefined);

/** E-mail of who was here last, for the form. */
export const lastEmail = found?.user.email ?? '';

export function begin(answer: LoggedIn): void {
  const tokens = {
    access: answer.access_token,
    refresh: answer.refresh_token,
    until: Date.now() + answer.expires_in * 1000,
  };
  write({ user: answer.user, tokens });
}

/** What is shown of oneself has changed. */
export function setUser(value: User): void {
  if (session.value !== undefined) write({ ...session.value, user: value });
}

/** The server does not take the tokens any more. */
export function end(): void {
  if (session.value !== undefined) write({ user: session.value.user });
}

/** Logged out: nothing is left. */
export function forget(): void {
  write(undefined);
}

/** Another tab has renewed, begun or ended it. */
export function adopt(): void {
  const now = readSession();
  if (now !== undefined || session.value !== undefined) session.value = now;
}

addEventListener('storage', (event) => {
  if (event.key === key || event.key === null) adopt();
});
