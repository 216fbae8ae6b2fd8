/**
 * The test files that need services: `*.service.test.ts`. Which services a file needs is seen from what it imports, directly or not.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SERVICES, type ServiceEntry } from './catalog.ts';

export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url));
const FIXTURES = fileURLToPath(new URL('./', import.meta.url));

/** All test files that need a service, as paths from the root of the repository. */
export function serviceTestFiles(): string[] {
  const files = globSync('{src,test,scripts,examples,benchmarks}/**/*.service.test.ts', {
    cwd: ROOT,
    exclude: (path) => /(^|[\\/])(node_modules|dist)$/.test(path),
  });
  return files.map((file) => file.replaceAll(sep, '/')).sort();
}

/** The services that a file needs. */
export function servicesOf(file: string): ServiceEntry[] {
  const seen = new Set<string>();
  const walk = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const [, specifier] of readFileSync(path, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+\.ts)'/g)) {
      walk(join(dirname(path), specifier as string));
    }
  };
  walk(join(ROOT, file));
  return SERVICES.filter((service) => seen.has(join(FIXTURES, service.file)));
}
