/**
 * Turns what an operator threw into an error that names the operator, the record, and the user's own line of code.
 */
import { type ErrorContext, formatValue, MillraceError, toError, userFramesOf } from '../common/index.ts';

const RECORD_PREVIEW_CHARS = 200;

export interface FailurePlace {
  readonly operatorName: string;
  readonly operatorId: string;
  /** The line of the program that made the operator: shown for failures that no line of the user's code is part of. */
  readonly definedAt?: string | undefined;
  /** What was being done, as in 'open' or 'a timer'; absent while processing a record. */
  readonly during?: string;
  /** The record that was being processed, in an object because it can be anything. */
  readonly record?: { readonly value: unknown };
}

/** An error that names its operator already stays as it is: the innermost place is the right one. */
export function attributeFailure(thrown: unknown, place: FailurePlace): MillraceError {
  if (thrown instanceof MillraceError && thrown.context.operator !== undefined) return thrown;
  const error = toError(thrown);
  const own = error instanceof MillraceError;
  const frames = userFramesOf(error);
  const [frame] = frames;
  const record = place.record && preview(place.record.value);
  const context: ErrorContext = {
    ...(own ? error.context : {}),
    operator: place.operatorName,
    operatorId: place.operatorId,
    record,
    at: frame,
  };
  const name = own || error.name === 'Error' ? '' : `${error.name}: `;
  const lines = [`Operator '${place.operatorName}' failed${place.during ? ` in ${place.during}` : ''}: ${name}${error.message}`];
  if (record !== undefined) lines.push(`  record: ${record}`);
  if (frame !== undefined && !own) lines.push(`  at ${frame}`);
  if (frame === undefined && place.definedAt !== undefined) lines.push(`  defined at ${place.definedAt}`);
  const failure = new MillraceError(own ? error.code : 'USER_FUNCTION_FAILED', lines.join('\n'), {
    cause: error,
    context,
    recoverable: own ? error.recoverable : true,
  });
  // Where the engine caught it helps nobody; the frames of the user's code do, and the whole stack is the cause's.
  failure.stack = [`${failure.name}: ${failure.message}`, ...frames.map((f) => `    at ${f}`)].join('\n');
  return failure;
}

/** Showing a record can run code of the program, a getter for instance: if that fails, the first failure is still the one to tell. */
function preview(record: unknown): string {
  try {
    return formatValue(record, { maxChars: RECORD_PREVIEW_CHARS });
  } catch {
    return `(${typeof record} that cannot be shown)`;
  }
}
