// SPDX-License-Identifier: MIT
// What code expects of a browser, where there is none. Imported first.
import { webcrypto } from 'node:crypto';

export const kept = new Map<string, string>();

Object.assign(globalThis, {
  location: { origin: 'http://localhost' },
  localStorage: {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, text: string) => void kept.set(key, text),
    removeItem: (key: string) => void kept.delete(key),
  },
  addEventListener: () => undefined,
  window: { addEventListener: () => undefined },
});

globalThis.crypto ??= webcrypto as Crypto; // Node 18 has it in its module only
