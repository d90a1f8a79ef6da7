// SPDX-License-Identifier: MIT
/*
 * What somebody is about to order, kept on this device, for each user apart, and the same in all tabs.
 *
 * An order that was sent and not answered is an attempt: its lines and its idempotency key are kept until the answer is
 * there, also over a reload, and meanwhile the basket does not change. So what was ordered is never ordered twice.
 */
import { signal } from '@preact/signals';
import { newId } from '../../api/client';

export interface Line {
  sku: string;
  quantity: number;
  /** What tells it from other variants, as it was when it was put in. */
  note?: string;
}

export interface Attempt {
  key: string;
  /** In ms since 1970; the server knows the key for a day. */
  at: number;
}

export interface Basket {
  lines: Line[];
  attempt?: Attempt;
}

export const LINES_MAX = 20;
export const QUANTITY_MAX = 1000;
const ATTEMPT_MS_MAX = 23 * 3600 * 1000;
const EMPTY: Basket = { lines: [] };

let place = '';

export const basket = signal<Basket>(EMPTY);

function read(): Basket {
  try {
    const found = JSON.parse(localStorage.getItem(place) ?? 'null') as Basket | null;
    if (found === null || !Array.isArray(found.lines)) {
      return EMPTY;
    }
    const late = found.attempt !== undefined && Date.now() - found.attempt.at > ATTEMPT_MS_MAX;
    return late ? { lines: found.lines } : found;
  } catch {
    return basket.peek();
  }
}

/** Changes it as it is now, also by other tabs. */
function change(how: (now: Basket) => Basket): void {
  basket.value = how(read());
  try {
    localStorage.setItem(place, JSON.stringify(basket.value));
  } catch {
    // without storage it lasts as long as the page
  }
}

/** Whose basket it is from now on. */
export function openBasket(user: string): void {
  place = `doran.basket.${user}`;
  basket.value = EMPTY; // what cannot be read is not somebody else's
  basket.value = read();
}

window.addEventListener('storage', (event) => {
  if (event.key === place) {
    basket.value = read();
  }
});

const bounded = (quantity: number) => Math.min(Math.max(Math.trunc(quantity) || 1, 1), QUANTITY_MAX);

function withLine(lines: Line[], line: Line): Line[] {
  const others = lines.filter((each) => each.sku !== line.sku);
  return others.length === lines.length
    ? [...lines, line]
    : lines.map((each) => (each.sku === line.sku ? { ...each, ...line } : each));
}

/** False: it is full, or what is in it is just being ordered. */
export function putIn(line: Line): boolean {
  const now = read();
  const had = now.lines.find((each) => each.sku === line.sku);
  if (now.attempt !== undefined || (had === undefined && now.lines.length >= LINES_MAX)) {
    return false;
  }
  const quantity = bounded((had?.quantity ?? 0) + line.quantity);
  change((it) => ({ ...it, lines: withLine(it.lines, { ...line, quantity }) }));
  return true;
}

/** 0 takes the line out. */
export function setQuantity(sku: string, quantity: number): void {
  change((now) => {
    if (now.attempt !== undefined) {
      return now;
    }
    const lines = quantity <= 0 ? now.lines.filter((each) => each.sku !== sku) : now.lines;
    return { lines: lines.map((each) => (each.sku === sku ? { ...each, quantity: bounded(quantity) } : each)) };
  });
}

/** The one under way, or a new one. undefined: there is nothing to order. */
export function beginAttempt(): Attempt | undefined {
  change((now) =>
    now.lines.length === 0 || now.attempt !== undefined
      ? now
      : { ...now, attempt: { key: newId(), at: Date.now() } },
  );
  return basket.value.attempt;
}

/** It was answered. Ordered: the basket is empty now; else it is as before. */
export function endAttempt(ordered: boolean): void {
  change((now) => (ordered ? EMPTY : { lines: now.lines }));
}
