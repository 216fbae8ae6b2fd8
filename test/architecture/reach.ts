/**
 * What a module needs in the end: the modules from outside `src/` that can be reached from it, however far away.
 *
 * Dynamic imports and imports of types count as well: a bundler follows the first, and a type checker the second.
 */
import { posix } from 'node:path';
import type { SourceFile } from './rules.ts';
import { importsOf } from './source-text.ts';

/** By the name of the outside module, the way to it: the files from the starting point on. */
export function outsideModulesReachedFrom(start: string, files: readonly SourceFile[]): Map<string, string[]> {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const found = new Map<string, string[]>();
  const seen = new Set([start]);
  const queue: string[][] = [[start]];
  for (let way = queue.shift(); way !== undefined; way = queue.shift()) {
    const file = byPath.get(way.at(-1) as string);
    if (file === undefined) continue;
    for (const { specifier } of importsOf(file.text, file.code)) {
      if (!specifier.startsWith('.')) {
        if (!found.has(specifier)) found.set(specifier, way);
        continue;
      }
      const target = posix.join(posix.dirname(file.path), specifier);
      if (seen.has(target)) continue;
      seen.add(target);
      queue.push([...way, target]);
    }
  }
  return found;
}
