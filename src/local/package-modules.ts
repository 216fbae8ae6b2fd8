/**
 * Where the modules of this package are, in the form (sources or built) in which this very file runs. A program that the command
 * has bundled finds them here, whatever is installed beside it: so it meets the host that was set up for it.
 */
import { readFileSync } from 'node:fs';

// The sources are as deep as what is built from them, chunks included; the door of the package, which is not, shares this file in a chunk.
const root = new URL('../../', import.meta.url);
const fromSources = import.meta.url.endsWith('.ts');

/** The URL of `millrace` or `millrace/…`; `undefined` for other specifiers and for what the package does not export. */
export function ownModule(specifier: string): string | undefined {
  if (specifier !== 'millrace' && !specifier.startsWith('millrace/')) return undefined;
  const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
    exports: Record<string, string | Record<string, string>>;
  };
  const target = exports[`.${specifier.slice('millrace'.length)}`];
  if (target === undefined || typeof target === 'string') return undefined;
  const path = target[fromSources ? 'millrace-source' : 'default'];
  return path === undefined ? undefined : new URL(path, root).href;
}

/** The module with which the thread of a slot begins. */
export function slotWorkerModule(): URL {
  return new URL(fromSources ? 'src/local/slot-worker.ts' : 'dist/local/slot-worker.js', root);
}
