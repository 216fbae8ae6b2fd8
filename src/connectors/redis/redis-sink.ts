/**
 * Writes records to Redis by commands that the program makes of them: at least once, and effectively once if the commands say what
 * holds afterwards (SET, HSET, SADD, ZADD …) and a key's value depends on nothing but its records.
 *
 * Commands of one writer are carried out in the order of its records, also when they are sent again: one batch is under way at a time,
 * and the next one fills meanwhile. So batches are as large as Redis is slow: one record when it has nothing to do, up to
 * `maxBatchSize` commands when it is busy, and then the writer takes no more records until it has answered.
 *
 * Everything is answered before a checkpoint. What was written after the last checkpoint is written again after a failure.
 */
import { MillraceError } from '../../common/index.ts';
import type { Sink, SinkInitContext, SinkWriter, SinkWriterContext } from '../../connector/index.ts';
import { CommandCheck, type RedisCommand } from './redis-command.ts';
import { RedisConnection } from './redis-connection.ts';
import { checkConnectionOptions, type RedisConnectionOptions } from './redis-options.ts';

export interface RedisSinkOptions<T> {
  readonly connection?: RedisConnectionOptions;
  /** The command of a record, or several, or none. */
  readonly command: (value: T, context: SinkWriterContext) => RedisCommand | readonly RedisCommand[] | undefined;
  /** How many commands are sent in one go, at most; those of one record stay together. Default: 1000. */
  readonly maxBatchSize?: number;
  /**
   * Sends each batch as a transaction (MULTI … EXEC): nobody sees the data with a part of a record's commands carried out. A command
   * that Redis refuses takes back none of the others. Default: false.
   */
  readonly atomic?: boolean;
  /** Lets commands through that change more each time they are carried out, such as INCR and RPUSH. Default: false. */
  readonly allowNonIdempotent?: boolean;
}

export class RedisSink<T> implements Sink<T> {
  readonly name = 'Redis Sink';
  readonly deliveryGuarantee = 'AT_LEAST_ONCE';
  readonly #options: RedisSinkOptions<T>;

  /** @throws MillraceError `INVALID_OPTION` */
  constructor(options: RedisSinkOptions<T>) {
    checkConnectionOptions(options.connection ?? {});
    const { command, maxBatchSize = 1 } = options;
    if (typeof command !== 'function') {
      throw new MillraceError('INVALID_OPTION', 'RedisSink: command must be a function that makes a command of a record.');
    }
    if (!(Number.isInteger(maxBatchSize) && maxBatchSize > 0)) {
      throw new MillraceError('INVALID_OPTION', `RedisSink: maxBatchSize must be a whole number from 1; it is ${maxBatchSize}.`);
    }
    this.#options = options;
  }

  async createWriter(context: SinkInitContext): Promise<SinkWriter<T>> {
    const connection = new RedisConnection(this.#options.connection ?? {}, context, 'SINK_FAILED');
    try {
      await connection.open();
    } catch (error) {
      await connection.close();
      throw error;
    }
    return new RedisSinkWriter(connection, this.#options, context);
  }
}

class RedisSinkWriter<T> implements SinkWriter<T> {
  readonly #connection: RedisConnection;
  readonly #command: RedisSinkOptions<T>['command'];
  readonly #maxBatchSize: number;
  readonly #atomic: boolean;
  readonly #check: CommandCheck;
  readonly #numRecordsSend: { inc(n?: number): void };
  readonly #numRecordsSendErrors: { inc(n?: number): void };
  #filling: RedisCommand[] = [];
  #fillingRecords = 0;
  #sending: Promise<void> | undefined;
  #scheduled = false;
  #error: unknown;

  constructor(connection: RedisConnection, options: RedisSinkOptions<T>, context: SinkInitContext) {
    this.#connection = connection;
    this.#command = options.command;
    this.#maxBatchSize = options.maxBatchSize ?? 1000;
    this.#atomic = options.atomic ?? false;
    this.#check = new CommandCheck(options.allowNonIdempotent ?? false);
    this.#numRecordsSend = context.counter('numRecordsSend');
    this.#numRecordsSendErrors = context.counter('numRecordsSendErrors');
  }

  write(value: T, context: SinkWriterContext): void {
    if (this.#error !== undefined) throw this.#error;
    const made = this.#command(value, context);
    if (made === undefined) return;
    for (const command of isCommand(made) ? [made] : made) {
      this.#check.check(command);
      this.#filling.push(command);
    }
    this.#fillingRecords++;
    if (this.#sending !== undefined || this.#scheduled) return;
    // What is written in the same turn goes into the same batch.
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#send();
    });
  }

  isAvailable(): Promise<void> | undefined {
    if (this.#filling.length < this.#maxBatchSize) return undefined;
    this.#send();
    return this.#sending;
  }

  async flush(): Promise<void> {
    this.#send();
    // What comes back from one batch sends the next one.
    while (this.#sending !== undefined) await this.#sending;
    if (this.#error !== undefined) throw this.#error;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #send(): void {
    if (this.#filling.length === 0 || this.#sending !== undefined || this.#error !== undefined) return;
    const commands = this.#filling;
    const records = this.#fillingRecords;
    this.#filling = [];
    this.#fillingRecords = 0;
    this.#sending = this.#connection.run(commands, this.#atomic).then(
      () => {
        this.#numRecordsSend.inc(records);
        this.#sending = undefined;
        this.#send();
      },
      (error: unknown) => {
        this.#numRecordsSendErrors.inc(records);
        this.#error = error;
        this.#sending = undefined;
      },
    );
  }
}

function isCommand(made: RedisCommand | readonly RedisCommand[]): made is RedisCommand {
  return !Array.isArray(made[0]);
}
