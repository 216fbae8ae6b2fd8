/** The errors of failed checkpoints. */
import { MillraceError } from '../../common/index.ts';

export function tooManyFailures(last: MillraceError, failures: number): MillraceError {
  const many = failures === 1 ? 'A checkpoint failed' : `${failures} checkpoints in a row failed`;
  const message =
    `${many}, which is more than 'execution.checkpointing.tolerable-failed-checkpoints' (${failures - 1}) allows. ` +
    `The last one: ${last.message}`;
  const { context, recoverable } = last;
  return new MillraceError('CHECKPOINT_FAILED', message, { cause: last, context, recoverable });
}
