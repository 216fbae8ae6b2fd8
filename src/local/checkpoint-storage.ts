/** The checkpoint files of a job as the thread of a slot sees them: the same folders that the main thread knows. */
import { FileCheckpointStorage } from '../checkpoint/index.ts';
import { systemPlatform } from '../common/index.ts';
import { LocalFileSystem } from '../filesystem/node.ts';
import type { CheckpointSettings } from '../protocol/index.ts';
import type { TaskCheckpointStorage } from '../taskmanager/index.ts';

export function openCheckpointStorage(settings: CheckpointSettings): TaskCheckpointStorage {
  const storage = new FileCheckpointStorage(settings, { fileSystem: new LocalFileSystem(), random: systemPlatform.random });
  return { openOutput: (folder) => storage.output(folder), input: storage.input() };
}
