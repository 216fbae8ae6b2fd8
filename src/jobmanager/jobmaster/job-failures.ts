/** The errors that a job master makes itself. */
import { damagedRestorePoint, type FileCheckpointStorage, filesOf } from '../../checkpoint/index.ts';
import { type Logger, MillraceError, toError } from '../../common/index.ts';
import type { FileSystem } from '../../filesystem/index.ts';
import type { CompletedCheckpoint } from '../../protocol/index.ts';

export function failedWhileStopping(error: Error, { externalPath }: CompletedCheckpoint): MillraceError {
  return new MillraceError(
    'JOB_FAILED',
    `The job stopped with a savepoint that is complete ('${externalPath}'), but did not end in order: ${error.message} What the savepoint holds may not be committed yet; starting from it commits it.`,
    { cause: error, context: { path: externalPath } },
  );
}

export function accumulatorFailure(thrown: unknown): MillraceError {
  return new MillraceError('USER_FUNCTION_FAILED', `Merging the job's accumulators failed: ${toError(thrown).message}`, {
    cause: thrown,
  });
}

/** A failure because of a file of `checkpoint`, from which the job was to go on, with what it can be started from instead. */
export async function withOlderCheckpoint(
  failure: Error,
  checkpoint: CompletedCheckpoint,
  {
    checkpointStorage,
    fileSystem,
    logger,
  }: { readonly checkpointStorage: FileCheckpointStorage; readonly fileSystem: FileSystem; readonly logger: Logger },
): Promise<Error> {
  if (!(failure instanceof MillraceError) || failure.code !== 'CORRUPT_DATA') return failure;
  if (!filesOf(checkpoint).has(String(failure.context.path))) return failure;
  try {
    return await damagedRestorePoint(checkpoint, failure, checkpointStorage, fileSystem);
  } catch (error) {
    logger.log('warn', `Looking for an older checkpoint that is intact failed: ${toError(error).message}`);
    return failure;
  }
}
