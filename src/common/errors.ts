/**
 * The one error class of the engine.
 *
 * Purpose: every failure that Millrace reports on purpose is a `MillraceError` with a code from a closed list, so that
 * callers can switch on it, and it keeps its meaning when it crosses a thread or a process (`toJSON` / `fromJSON`).
 * Invariants: `message` is for people and says what is wrong, where, and what to do; `context` is data only;
 * `recoverable` tells a restart strategy whether another attempt can help.
 */

/** Every code that a {@link MillraceError} can carry, with what it means. */
export const ERROR_CODES = {
  INVALID_PROGRAM: 'The program builds a job that cannot run (empty graph, duplicate uid, bad argument).',
  INVALID_OPTION: 'An option or configuration value is missing, unknown or of the wrong type.',
  INVALID_KEY: 'A key selector returned a value that cannot be a key.',
  INVALID_STATE_DESCRIPTOR: 'Two state descriptors of one operator share a name but differ in kind or type.',
  NOT_SERIALIZABLE: 'A value holds something that is not data (a function, a symbol, an unregistered class).',
  CORRUPT_DATA: 'Bytes that should decode do not.',
  MALFORMED_RECORD: 'An input record does not fit its format or schema.',
  USER_FUNCTION_FAILED: 'A function of the program threw.',
  ASYNC_TIMEOUT: 'An asynchronous operation did not complete in time.',
  FILE_SYSTEM_FAILED: 'A file or folder could not be found, read, written or moved.',
  SOURCE_FAILED: 'A source could not read.',
  SINK_FAILED: 'A sink could not write.',
  STATE_FAILED: 'State could not be read, written or restored.',
  CHECKPOINT_FAILED: 'A checkpoint or savepoint could not be taken.',
  SERVICE_FAILED: 'An outside system (a broker, a database) refused a request or could not be reached.',
  CONNECTION_LOST: 'The other end of a connection is gone: its thread or process ended.',
  JOB_FAILED: 'The job ended with a failure.',
  JOB_CANCELED: 'The job was canceled before it finished.',
  ILLEGAL_STATE: 'A method was called at a time when it is not allowed.',
  INTERNAL: 'An invariant of the engine is broken: a bug in Millrace.',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Plain data attached to an error: names, ids, positions. */
export type ErrorContext = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface MillraceErrorOptions {
  readonly cause?: unknown;
  readonly context?: ErrorContext;
  /** Whether a restart of the failed region can help; `true` unless the code says otherwise. */
  readonly recoverable?: boolean;
}

const NEVER_RECOVERABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'INVALID_PROGRAM',
  'INVALID_OPTION',
  'INVALID_STATE_DESCRIPTOR',
  'JOB_CANCELED',
]);

/** The shape of an error on the wire. */
export interface SerializedError {
  readonly name: string;
  readonly code?: ErrorCode;
  readonly message: string;
  readonly stack?: string;
  readonly context?: ErrorContext;
  readonly recoverable?: boolean;
  readonly cause?: SerializedError;
}

export class MillraceError extends Error {
  override readonly name = 'MillraceError';
  readonly code: ErrorCode;
  declare readonly context: ErrorContext;
  declare readonly recoverable: boolean;

  constructor(code: ErrorCode, message: string, options: MillraceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    // Not enumerable: the message says it all, and a console that prints the error should not say it twice.
    Object.defineProperty(this, 'context', { value: options.context ?? {} });
    Object.defineProperty(this, 'recoverable', { value: options.recoverable ?? !NEVER_RECOVERABLE.has(code) });
  }

  toJSON(): SerializedError {
    return serializeError(this);
  }

  /** Rebuilds an error that crossed a thread or process boundary. */
  static fromJSON(data: SerializedError): Error {
    return deserializeError(data);
  }
}

// Outside of the class: bundlers rename a class whose body refers to itself, and consoles would print the other name.
function deserializeError(data: SerializedError): Error {
  const cause = data.cause === undefined ? undefined : deserializeError(data.cause);
  let error: Error;
  if (data.code !== undefined && data.code in ERROR_CODES) {
    error = new MillraceError(data.code, data.message, {
      cause,
      context: data.context ?? {},
      recoverable: data.recoverable ?? true,
    });
  } else {
    error = new Error(data.message, cause === undefined ? undefined : { cause });
    error.name = data.name;
  }
  if (data.stack !== undefined) error.stack = data.stack;
  return error;
}

/** Turns anything that was thrown into wire data; bounded to eight causes deep. */
export function serializeError(thrown: unknown, depth = 0): SerializedError {
  if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown) };
  const cause = thrown.cause === undefined || depth >= 8 ? undefined : serializeError(thrown.cause, depth + 1);
  const base = { name: thrown.name, message: thrown.message, stack: thrown.stack, cause };
  if (!(thrown instanceof MillraceError)) return base;
  return { ...base, code: thrown.code, context: thrown.context, recoverable: thrown.recoverable };
}

/** The error itself if it is one, otherwise an `Error` around what was thrown. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`A value that is not an Error was thrown: ${String(thrown)}`);
}
