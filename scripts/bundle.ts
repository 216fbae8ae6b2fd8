/**
 * Second half of `npm run build`: JavaScript for `dist`, one file per door of the package and what they share in chunks.
 *
 * Why not a file per source: a program pays for every file that it loads. Loading the door of the package from some 200 files took
 * 65 ms of processor time, from bundles 18. Declarations come from tsc, a file per source. What doors share is in one place,
 * so that `millrace`, `millrace/testing` and the command have the same classes.
 *
 * Usage: `node scripts/bundle.ts [FOLDER]`; into `dist` unless a folder is given.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { exports, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | { readonly 'millrace-source': string }>;
  engines: { readonly node: string };
};
const doors = Object.values(exports).flatMap((target) => (typeof target === 'string' ? [] : [target['millrace-source']]));

await build({
  absWorkingDir: root,
  entryPoints: [...doors, './src/cli/main.ts', './src/local/slot-worker.ts'],
  outdir: process.argv[2] ?? 'dist',
  outbase: 'src',
  // As deep as the sources: what is found relative to a module's own place is found from there, too.
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: engines.node.replace('>=', 'node'),
  packages: 'external',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
});
