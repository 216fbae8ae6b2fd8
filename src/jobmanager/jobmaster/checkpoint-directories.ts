/** Whether the folders that a job names for its checkpoints and savepoints can be used: found out before it runs. */
import { type Clock, MillraceError, toError } from '../../common/index.ts';
import type { FileSystem } from '../../filesystem/index.ts';
import type { CheckpointSettings } from '../../protocol/index.ts';

/** A file system that has not answered by then, as one on a network may do, is as good as none. */
const TIMEOUT_MS = 10_000;

interface Dependencies {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
}

/** @throws MillraceError `INVALID_OPTION` for a path that the file system does not have a place for: a URL of another kind */
export async function checkCheckpointPaths(settings: CheckpointSettings, dependencies: Dependencies): Promise<void> {
  const { directory, savepointDirectory } = settings;
  for (const [key, path] of [
    ['execution.checkpointing.dir', directory],
    ['execution.checkpointing.savepoint-dir', savepointDirectory],
  ] as const) {
    if (path === undefined || path === '') continue;
    try {
      await inTime(dependencies.fileSystem.status(path), dependencies);
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'INVALID_OPTION') continue;
      throw new MillraceError('INVALID_OPTION', `'${key}' cannot be used. ${error.message}`, {
        cause: error,
        context: { ...error.context, key },
        recoverable: false,
      });
    }
  }
}

/**
 * Creates the folder for checkpoints: one that cannot be used would fail every checkpoint, and the job again and again.
 * @throws MillraceError `CHECKPOINT_FAILED`
 */
export async function createCheckpointDirectory(
  { directory, intervalMs }: CheckpointSettings,
  dependencies: Dependencies,
): Promise<void> {
  if (directory === undefined || intervalMs === undefined) return;
  try {
    await inTime(dependencies.fileSystem.mkdirs(directory), dependencies);
  } catch (error) {
    throw new MillraceError(
      'CHECKPOINT_FAILED',
      `Checkpoints cannot be kept in '${directory}' (execution.checkpointing.dir): ${toError(error).message}`,
      { cause: error, context: { path: directory }, recoverable: false },
    );
  }
}

async function inTime(answer: Promise<unknown>, { clock }: Dependencies): Promise<void> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = clock.setTimer(TIMEOUT_MS, () => {
    reject(new Error(`the file system has not answered within ${TIMEOUT_MS / 1000} seconds.`));
  });
  try {
    await Promise.race([answer, timeout]);
  } finally {
    timer.cancel();
  }
}
