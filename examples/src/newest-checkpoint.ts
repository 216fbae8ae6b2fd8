/** For programs that go on where they were killed. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface FoundCheckpoint {
  readonly id: number;
  readonly path: string;
}

/**
 * The newest complete checkpoint of all runs in a folder: each run has a folder for its checkpoints, whose numbers go on behind
 * those of the checkpoint that it started from. To go on from an older one would write again what has been written since.
 */
export function newestCheckpoint(folder: string): FoundCheckpoint | undefined {
  const complete = filesIn(folder).filter((path) => /chk-\d+[/\\]_metadata$/.test(path));
  const checkpoints = complete.map((path) => {
    const [, found = '', id] = /^(.*chk-(\d+))/.exec(path) ?? [];
    return { id: Number(id), path: found };
  });
  return checkpoints.sort((a, b) => b.id - a.id)[0];
}

/** All files, however deep; none if there is no such folder. */
export function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
