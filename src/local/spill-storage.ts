/** Where the state of jobs in this process spills to: the folder for temporary files of the system. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SpillStorage } from '../memory/index.ts';
import { NodeSpillStorage } from '../memory/node.ts';

export function createSpillStorage(): SpillStorage {
  return new NodeSpillStorage(join(tmpdir(), 'millrace-state'));
}
