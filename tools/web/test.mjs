// SPDX-License-Identifier: MIT
// Runs tests/web/units, what needs no browser, and prints TAP: built into one program by what builds the app.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const place = (path) => fileURLToPath(new URL(path, import.meta.url));
const tests = place('../../tests/web/units');
const made = place('../../build/web-units');
const names = readdirSync(tests).filter((name) => name.endsWith('_test.ts'));

await build({
  configFile: false,
  logLevel: 'warn',
  ssr: { noExternal: true },
  build: {
    ssr: true,
    outDir: made,
    emptyOutDir: true,
    rollupOptions: {
      input: names.map((name) => `${tests}/${name}`),
      output: { entryFileNames: '[name].mjs', chunkFileNames: '[name]-[hash].mjs' },
    },
  },
});
const results = names.map((name) => {
  const program = `${made}/${name.replace(/ts$/, 'mjs')}`;
  return spawnSync(process.execPath, ['--test-reporter=tap', program], { stdio: 'inherit' }).status;
});
process.exitCode = results.every((status) => status === 0) ? 0 : 1;
