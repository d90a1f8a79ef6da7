// SPDX-License-Identifier: MIT
// Makes src/api/document.d.ts, the types of every request and answer, of the bridge's own description of itself:
// a file or address in DOCUMENT, else what the release program prints.
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import openapi, { astToString } from 'openapi-typescript';

const bridge = fileURLToPath(new URL('../../build/release/bin/doran-bridge', import.meta.url));
const types = new URL('src/api/document.d.ts', import.meta.url);

async function read(place) {
  if (place === undefined) {
    return execFileSync(bridge, ['--openapi'], { encoding: 'utf8', maxBuffer: 1 << 26 });
  }
  return /^https?:/.test(place) ? (await fetch(place)).text() : readFile(place, 'utf8');
}

const document = JSON.parse(await read(process.env.DOCUMENT));
await writeFile(types, astToString(await openapi(document)));
