import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError } from '../../common/index.ts';
import { type FileSystem, MemoryFileSystem } from '../../filesystem/index.ts';
import type { CheckpointSettings } from '../../protocol/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { SETTINGS } from '../checkpoint/coordinated-job.test.ts';
import { checkCheckpointPaths, createCheckpointDirectory } from './checkpoint-directories.ts';

/** Has no place for URLs, and does not answer for what is on 'slow'. */
class PickyFileSystem extends MemoryFileSystem {
  override async status(path: string): ReturnType<FileSystem['status']> {
    if (path.includes('://')) throw new MillraceError('INVALID_OPTION', `There is no file system for '${path}'.`);
    return path.startsWith('/slow') ? new Promise(() => {}) : super.status(path);
  }

  override mkdirs(path: string): Promise<void> {
    return path.startsWith('/slow') ? new Promise(() => {}) : super.mkdirs(path);
  }
}

const clock = new VirtualClock();
const dependencies = { fileSystem: new PickyFileSystem(), clock };
const settings = (more: Partial<CheckpointSettings>): CheckpointSettings => ({ ...SETTINGS, ...more });

test('folders that there is no file system for are refused by their option', async () => {
  const check = (more: Partial<CheckpointSettings>): Promise<void> => checkCheckpointPaths(settings(more), dependencies);
  await check({});
  await assert.rejects(check({ directory: 's3://bucket/x' }), {
    code: 'INVALID_OPTION',
    message: "'execution.checkpointing.dir' cannot be used. There is no file system for 's3://bucket/x'.",
  });
  await assert.rejects(check({ savepointDirectory: 'hdfs://host/x' }), {
    code: 'INVALID_OPTION',
    message: /^'execution.checkpointing.savepoint-dir' cannot be used/,
  });
});

test('a file system that does not answer fails the job after a while', async () => {
  const checked = checkCheckpointPaths(settings({ directory: '/slow/x' }), dependencies);
  await clock.advanceByAsync(10_000);
  await checked;
  const created = createCheckpointDirectory(settings({ directory: '/slow/x' }), dependencies);
  const rejected = assert.rejects(created, {
    code: 'CHECKPOINT_FAILED',
    message: /'\/slow\/x' \(execution.checkpointing.dir\): the file system has not answered within 10 seconds/,
    recoverable: false,
  });
  await clock.advanceByAsync(10_000);
  await rejected;
});

test('the folder is created if there are checkpoints', async () => {
  await createCheckpointDirectory(settings({ directory: '/a/b' }), dependencies);
  assert.ok(await dependencies.fileSystem.exists('/a/b'));
  const { intervalMs: _, ...without } = settings({ directory: '/a/c' });
  await createCheckpointDirectory(without, dependencies);
  assert.equal(await dependencies.fileSystem.exists('/a/c'), false);
});
