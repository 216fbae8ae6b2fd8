/**
 * Commands as users write them, and which of them may be carried out twice.
 *
 * What is sent again after a lost answer, or after a restart of the job, must leave Redis as if it had been sent once. So a command that
 * counts or appends is refused unless the user allows it.
 */
import { formatValue, MillraceError } from '../../common/index.ts';

/** A command's name and its arguments: `['HSET', 'user:1', 'name', 'Ada']`. */
export type RedisCommand = readonly [name: string, ...args: readonly (string | number | Uint8Array)[]];

/** Commands that do more when they come twice. */
const NOT_IDEMPOTENT: ReadonlySet<string> = new Set(
  `APPEND BITFIELD BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN DECR DECRBY EVAL EVALSHA FCALL GETDEL HINCRBY HINCRBYFLOAT
  INCR INCRBY INCRBYFLOAT LINSERT LMOVE LMPOP LPOP LPUSH LPUSHX LREM LTRIM PUBLISH RPOP RPOPLPUSH RPUSH RPUSHX SPOP SPUBLISH XADD XTRIM
  ZINCRBY ZMPOP ZPOPMAX ZPOPMIN`.split(/\s+/),
);

/** Commands that would change what the connection is for, or whose answer does not come at once. */
const FOR_OTHERS: ReadonlySet<string> = new Set(
  `AUTH CLIENT DISCARD EXEC HELLO MONITOR MULTI PSUBSCRIBE QUIT RESET SELECT SHUTDOWN SSUBSCRIBE SUBSCRIBE SYNC PSYNC UNWATCH WAIT
  WATCH`.split(/\s+/),
);

/** Checks the commands of one sink; a name is looked at once. */
export class CommandCheck {
  readonly #allowNonIdempotent: boolean;
  readonly #allowed = new Set<string>();

  constructor(allowNonIdempotent: boolean) {
    this.#allowNonIdempotent = allowNonIdempotent;
  }

  /** @throws MillraceError `INVALID_PROGRAM` if the command is not one that a sink may send */
  check(command: RedisCommand): void {
    const name = command[0];
    if (!this.#allowed.has(name)) this.#checkName(name);
    for (let i = 1; i < command.length; i++) {
      const argument: unknown = command[i];
      if (typeof argument === 'string' || typeof argument === 'number' || argument instanceof Uint8Array) continue;
      throw new MillraceError(
        'INVALID_PROGRAM',
        `For Redis, argument ${i} of ${describeCommand(command)} is ${formatValue(argument)}; it must be a string, a number or bytes.`,
      );
    }
  }

  #checkName(name: string): void {
    if (typeof name !== 'string' || name === '') {
      throw new MillraceError(
        'INVALID_PROGRAM',
        "A command for Redis is an array that begins with its name, such as ['SET', key, value].",
      );
    }
    const upper = name.toUpperCase();
    if (FOR_OTHERS.has(upper)) {
      throw new MillraceError(
        'INVALID_PROGRAM',
        `A Redis sink cannot send ${upper}: it is about the connection, not about data.`,
      );
    }
    if (!this.#allowNonIdempotent && NOT_IDEMPOTENT.has(upper)) {
      throw new MillraceError(
        'INVALID_PROGRAM',
        `${upper} changes more each time it is carried out, and a Redis sink sends commands again after failures. Write what holds afterwards instead (SET, HSET, SADD, ZADD …), or set allowNonIdempotent and accept repeats.`,
      );
    }
    this.#allowed.add(name);
  }
}

/** A command in a message: its name and its key, but not what it writes. */
export function describeCommand([name, key]: RedisCommand): string {
  const text = key === undefined || key instanceof Uint8Array ? '' : ` ${String(key)}`;
  return `${name.toUpperCase()}${text.length > 100 ? `${text.slice(0, 100)}…` : text}`;
}
