// SPDX-License-Identifier: MIT
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

const bridge = process.env.BRIDGE ?? 'http://127.0.0.1:8080';
const folder = '../../build/web';

/** Lays NAME.br and NAME.gz beside every NAME that gets smaller so. */
function compressed(): Plugin {
  const brotli = (bytes: Buffer): Promise<Buffer> =>
    promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } });
  const compress = async (name: string): Promise<void> => {
    const bytes = await readFile(name);
    for (const [ending, made] of [['.br', await brotli(bytes)], ['.gz', await promisify(gzip)(bytes, { level: 9 })]] as const) {
      if (made.length < bytes.length) await writeFile(name + ending, made);
    }
  };
  return {
    name: 'compressed',
    apply: 'build',
    async closeBundle() {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      await Promise.all(entries.filter((entry) => entry.isFile()).map((entry) => compress(join(entry.path, entry.name))));
    },
  };
}

export default defineConfig({
  plugins: [compressed()],
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  build: {
    outDir: folder,
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      '/api': {
        target: bridge,
        changeOrigin: true,
        ws: true,
        // The bridge hears pages of its own origin only.
        configure: (proxy) => proxy.on('proxyReqWs', (request) => request.setHeader('Origin', bridge)),
      },
    },
  },
});
