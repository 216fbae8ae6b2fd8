/**
 * One connection to Redis that sends commands in batches and outlives failures.
 *
 * A batch is sent as a whole in one go (pipelined), and is answered as a whole: {@link RedisConnection.run} resolves with all replies, or
 * rejects. While Redis is out of reach the batch is sent again, from its beginning, over a new connection, with growing delays, for
 * `retryTimeoutMs`. So commands may be carried out more than once; and batches that must not overtake each other are sent one after
 * the other by the caller.
 *
 * A connection whose answer did not come in time may still carry commands that Redis has not read. Before anything is sent again, the server
 * is told to close it: otherwise an old value could arrive after a newer one. The id of a connection is only good for one
 * life of the server, so this is done only if it is the same; and only if the user may use INFO and CLIENT.
 *
 * The client library reconnects and sends again by itself, out of order where a pipeline was half answered. All of that is
 * switched off: each of its objects lives as long as one connection.
 */
import { isIP } from 'node:net';
import type { ConnectionOptions as NodeTlsOptions } from 'node:tls';
import type { Redis, RedisOptions } from 'ioredis';
import { type Clock, type ErrorCode, type Logger, MillraceError, type Random, toError } from '../../common/index.ts';
import { describeCommand, type RedisCommand } from './redis-command.ts';
import type { RedisConnectionOptions } from './redis-options.ts';
import { readSecret } from './secret.ts';

export interface RedisPlatform {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** One life of the connection, in one life of the server. */
interface Session {
  readonly redis: Redis;
  /** Undefined where Redis does not tell it to this user. */
  readonly clientId: number | undefined;
  readonly runId: string | undefined;
}

/** Redis' own words for: not now, but perhaps soon. */
const TRY_AGAIN = /^(LOADING|MASTERDOWN|READONLY|TRYAGAIN|BUSY|CLUSTERDOWN)\b/;
const NOT_LET_IN = /^(WRONGPASS|NOAUTH)\b|^ERR (invalid password|AUTH)|invalid username-password/;
const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 2000;

export class RedisConnection {
  readonly #options: RedisConnectionOptions;
  readonly #platform: RedisPlatform;
  readonly #failure: ErrorCode;
  readonly #address: string;
  #session: Session | undefined;
  #connecting: Promise<Session> | undefined;
  /** The last one that was given up: the server may still hold it open. */
  #abandoned: Session | undefined;
  #closed = false;
  /** Each ends the wait of one batch between two attempts. */
  readonly #cancelWaits = new Set<() => void>();

  /** @param failure the code of errors */
  constructor(options: RedisConnectionOptions, platform: RedisPlatform, failure: ErrorCode) {
    this.#options = options;
    this.#platform = platform;
    this.#failure = failure;
    this.#address = `${options.host ?? '127.0.0.1'}:${options.port ?? 6379}`;
  }

  /** Connects, so that what is wrong with the options shows at once. Throws as {@link run} does. */
  async open(): Promise<void> {
    await this.#retrying(async () => {});
  }

  /**
   * Sends commands, and resolves with their replies.
   *
   * @param atomic as one transaction (MULTI … EXEC): nobody sees the data with some of them carried out
   * @throws MillraceError with the code of this connection if Redis refuses a command or stays out of reach; `INVALID_OPTION` if it does not let us in
   */
  run(commands: readonly RedisCommand[], atomic = false): Promise<unknown[]> {
    return this.#retrying((session) => this.#send(session, commands, atomic));
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#cancelWaits) cancel();
    this.#session?.redis.disconnect();
    await this.#connecting?.catch(() => {});
  }

  /** What fails with a `MillraceError` has failed for good; whatever else goes wrong, the work is done again. */
  async #retrying<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const { clock, random, logger } = this.#platform;
    const { retryTimeoutMs = 60_000 } = this.#options;
    const startMs = clock.monotonicMs();
    for (let attempt = 0; ; attempt++) {
      let session: Session | undefined;
      try {
        session = await this.#connected();
        return await work(session);
      } catch (error) {
        if (error instanceof MillraceError) throw error;
        if (session !== undefined) this.#abandon(session);
        const problem = toError(error).message;
        const delayMs = Math.min(FIRST_DELAY_MS * 2 ** attempt, MAX_DELAY_MS) * (0.5 + random.next() / 2);
        const triedMs = clock.monotonicMs() - startMs;
        if (this.#closed || triedMs + delayMs > retryTimeoutMs) {
          const tried = this.#closed ? '' : ` It was tried for ${Math.round(triedMs)} ms.`;
          // Without the cause: the library's errors carry the arguments of commands, a password too.
          throw new MillraceError(this.#failure, `Redis at ${this.#address} does not answer: ${problem}.${tried}`, {
            context: { redis: this.#address },
          });
        }
        logger.log('warn', `Redis at ${this.#address} does not answer; tries again.`, { error: problem });
        await this.#wait(delayMs);
      }
    }
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#cancelWaits.delete(done);
        resolve();
      };
      const timer = this.#platform.clock.setTimer(delayMs, done);
      this.#cancelWaits.add(done);
    });
  }

  #connected(): Session | Promise<Session> {
    if (this.#closed) throw new Error('the connection is closed');
    if (this.#session !== undefined) return this.#session;
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  #abandon(session: Session): void {
    session.redis.disconnect();
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#abandoned = session;
  }

  async #connect(): Promise<Session> {
    const Client = await loadClient();
    const redis = new Client(await this.#clientOptions());
    let problem: unknown;
    redis.on('error', (error: unknown) => {
      problem = error;
    });
    const { connectTimeoutMs = 10_000 } = this.#options;
    const timer = this.#platform.clock.setTimer(connectTimeoutMs, () => {
      problem ??= new Error(`no connection within ${connectTimeoutMs} ms`);
      redis.disconnect();
    });
    try {
      await redis.connect();
      const runId = /^run_id:(\w+)/m.exec((await unlessForbidden(redis.info('server'))) ?? '')?.[1];
      const clientId = await unlessForbidden(redis.client('ID'));
      await this.#closeAbandoned(redis, runId);
      if (this.#closed) throw new Error('the connection is closed');
      const session: Session = { redis, clientId, runId };
      this.#session = session;
      redis.once('end', () => this.#abandon(session));
      return session;
    } catch (error) {
      redis.disconnect();
      const { message } = toError(problem ?? error);
      if (!NOT_LET_IN.test(message)) throw problem ?? error;
      const { username = 'default' } = this.#options;
      throw new MillraceError(
        'INVALID_OPTION',
        `Redis at ${this.#address} does not let user '${username}' in: ${message}. Check username and password of the connection.`,
        { context: { redis: this.#address } },
      );
    } finally {
      timer.cancel();
    }
  }

  /** Makes sure that nothing arrives any more over the last connection that was given up. */
  async #closeAbandoned(redis: Redis, runId: string | undefined): Promise<void> {
    const old = this.#abandoned;
    if (old?.clientId !== undefined && runId !== undefined && old.runId === runId) {
      await unlessForbidden(redis.client('KILL', 'ID', old.clientId));
    }
    this.#abandoned = undefined;
  }

  async #clientOptions(): Promise<RedisOptions> {
    const { host = '127.0.0.1', port = 6379, database = 0, username, password, tls = false } = this.#options;
    const files = typeof tls === 'object' ? tls : {};
    const pem = (path: string | undefined, what: string) => (path === undefined ? undefined : readSecret({ file: path }, what));
    const secure: NodeTlsOptions = {
      ca: await pem(files.caFile, 'the certificates to trust'),
      cert: await pem(files.certFile, 'the certificate of this client'),
      key: await pem(files.keyFile, 'the key of this client'),
      servername: files.serverName ?? (isIP(host) ? undefined : host),
    };
    return {
      host,
      port,
      db: database,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password: await readSecret(password, 'the password for Redis') }),
      ...(tls !== false && { tls: secure }),
      protocol: 2,
      lazyConnect: true,
      retryStrategy: () => null,
      maxRetriesPerRequest: null,
      enableOfflineQueue: false,
      // A server that is still loading says so, and is asked again.
      enableReadyCheck: false,
      autoResendUnfulfilledCommands: false,
    };
  }

  async #send({ redis }: Session, commands: readonly RedisCommand[], atomic: boolean): Promise<unknown[]> {
    const batch = atomic ? redis.multi() : redis.pipeline();
    for (const [name, ...args] of commands) batch.call(name, ...args.map(toArgument));
    const { commandTimeoutMs = 10_000 } = this.#options;
    let late = false;
    const timer = this.#platform.clock.setTimer(commandTimeoutMs, () => {
      late = true;
      redis.disconnect();
    });
    try {
      const results = (await batch.exec()) ?? [];
      const replies: unknown[] = [];
      for (const [index, [error, reply]] of results.entries()) {
        if (error !== null) throw this.#explained(error, commands[index]);
        replies.push(reply);
      }
      return replies;
    } catch (error) {
      throw late ? new Error(`no answer within ${commandTimeoutMs} ms`) : this.#explained(error, undefined);
    } finally {
      timer.cancel();
    }
  }

  /** A refusal that will not change is told as such; all else is for another attempt. */
  #explained(error: unknown, command: RedisCommand | undefined): unknown {
    if (!isReply(error)) return error;
    // A transaction that is refused as a whole says behind it which of its commands were.
    const first = error.previousErrors?.[0];
    const { message } = first ?? error;
    if (TRY_AGAIN.test(message)) return error;
    const what = command === undefined ? (first?.command.name.toUpperCase() ?? 'a transaction') : describeCommand(command);
    return new MillraceError(this.#failure, `Redis at ${this.#address} refuses ${what}: ${message}.`, {
      context: { redis: this.#address, command: what },
    });
  }
}

type ReplyError = Error & { readonly previousErrors?: readonly (Error & { readonly command: { readonly name: string } })[] };

/** Whether this is Redis' own answer, and not a failure on the way. */
function isReply(error: unknown): error is ReplyError {
  return error instanceof Error && error.name === 'ReplyError';
}

/** The reply; undefined if this user may not ask for it. */
async function unlessForbidden<T>(reply: Promise<T>): Promise<T | undefined> {
  try {
    return await reply;
  } catch (error) {
    if (isReply(error) && error.message.startsWith('NOPERM')) return undefined;
    throw error;
  }
}

function toArgument(argument: string | number | Uint8Array): string | number | Buffer {
  if (!(argument instanceof Uint8Array) || argument instanceof Buffer) return argument;
  return Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength);
}

/** The client library, loaded when the first connection is made. @throws MillraceError `INVALID_PROGRAM` if it is not installed */
async function loadClient(): Promise<typeof Redis> {
  try {
    return (await import('ioredis')).Redis;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new MillraceError('INVALID_PROGRAM', 'millrace/redis needs the package ioredis: run npm install ioredis.', {
      cause: error,
    });
  }
}
