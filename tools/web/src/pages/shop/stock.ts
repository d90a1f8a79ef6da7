// SPDX-License-Identifier: MIT
/*
 * How many pieces there are of the SKUs that somebody looks at: asked for again and again, a few at a time, the one that
 * was not looked at for longest first. There is one loop for all that is on the page.
 */
import { type Signal, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { poll } from '../../components/poll';
import { type Stock, showStock } from './api';

/** undefined: not known yet; null: there is no such SKU. */
export type Known = Stock | null | undefined;

const FRESH_MS = 6000;
const ROUND_MS = 300;
const AT_ONCE = 6;

interface Entry {
  stock: Signal<Known>;
  watchers: number;
  at: number;
}

const entries = new Map<string, Entry>();
let running = false;

function entryOf(sku: string): Entry {
  let entry = entries.get(sku);
  if (entry === undefined) {
    entry = { stock: signal<Known>(undefined), watchers: 0, at: 0 };
    entries.set(sku, entry);
  }
  return entry;
}

/** The last that was heard of it. */
export function stockOf(sku: string): Signal<Known> {
  return entryOf(sku).stock;
}

const same = (a: Known, b: Known) => JSON.stringify(a) === JSON.stringify(b);

/** Asks now. What cannot be had stays as it was. */
export async function refreshStock(sku: string): Promise<void> {
  const entry = entryOf(sku);
  entry.at = Date.now();
  try {
    const stock = await showStock(sku);
    if (!same(stock, entry.stock.value)) {
      entry.stock.value = stock;
    }
  } catch {
    // the next round asks again
  }
}

function due(): string[] {
  const stale = [...entries].filter(([, entry]) => entry.watchers > 0 && Date.now() - entry.at >= FRESH_MS);
  stale.sort(([, a], [, b]) => a.at - b.at);
  return stale.slice(0, AT_ONCE).map(([sku]) => sku);
}

const isWatched = () => [...entries.values()].some((entry) => entry.watchers > 0);

async function round(): Promise<void> {
  await Promise.all(due().map(refreshStock));
}

/** How long until the next round; undefined: nobody watches any more. */
function untilNext(): number | undefined {
  running = isWatched();
  if (!running) return undefined;
  return due().length > 0 ? 0 : ROUND_MS;
}

function start(): void {
  if (running) return;
  running = true;
  poll(round, untilNext);
}

/** Until the function that it returns is called. */
function watch(skus: string[]): () => void {
  for (const sku of skus) {
    entryOf(sku).watchers++;
  }
  start();
  return () => {
    for (const sku of skus) {
      entryOf(sku).watchers--;
    }
  };
}

/** While the component is shown, and only if `looked` at. */
export function useStock(skus: string[], looked = true): void {
  const names = skus.join('\n');
  useEffect(() => (looked && names !== '' ? watch(names.split('\n')) : undefined), [names, looked]);
}

/** Once, for what they are called. */
export function useNames(skus: string[]): void {
  const names = skus.join('\n');
  useEffect(() => {
    const ask = async () => {
      for (const sku of names.split('\n').filter((each) => each !== '' && stockOf(each).value === undefined)) {
        await refreshStock(sku);
      }
    };
    void ask();
  }, [names]);
}
