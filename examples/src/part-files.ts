/** What a file sink has written. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The lines of all part files in `folder` (none if nothing was written there), without the header that each begins with if `header` says so. */
export function partLines(folder: string, header: 'header' | 'no header'): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith('part-'))
    .sort()
    .flatMap((name) => {
      const lines = readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1);
      return header === 'header' ? lines.slice(1) : lines;
    });
}
