/** The errors that a job master makes itself. */
import { MillraceError, toError } from '../../common/index.ts';
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
