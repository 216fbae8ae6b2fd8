/** What the service tests of the sink share: writers on a real broker that crash, are restored, and are looked at from outside. */
import assert from 'node:assert/strict';
import type { KafkaService } from '../../../../test/services/kafka.ts';
import { readCommitted } from '../../../../test/services/kafka-reader.ts';
import { readTopic } from '../../../../test/services/kafka-topics.ts';
import { type Logger, MillraceError, silentLogger, systemClock, systemRandom } from '../../../common/index.ts';
import { SinkDriver, type SinkDriverOptions, type SinkSnapshot } from '../../../connector/index.ts';
import { KafkaClient } from '../client/index.ts';
import { KafkaSink } from './kafka-sink.ts';
import type { KafkaSinkOptions } from './kafka-sink-options.ts';
import type { KafkaCommittable } from './transaction-pool.ts';

export type Snapshot = SinkSnapshot<KafkaCommittable>;
export type Driver = SinkDriver<string, KafkaCommittable>;

let prefixes = 0;

/** A prefix that no other test uses. */
export function newPrefix(): string {
  return `test-${process.pid}-${Date.now()}-${++prefixes}`;
}

export class KeptLog implements Logger {
  readonly lines: string[] = [];

  log(level: string, message: string): void {
    this.lines.push(`${level}: ${message}`);
  }
}

export class SinkRig {
  readonly kafka: KafkaService;
  readonly topic: string;
  readonly prefix = newPrefix();
  readonly client: KafkaClient;
  readonly #drivers: Driver[] = [];

  constructor(kafka: KafkaService, topic: string) {
    this.kafka = kafka;
    this.topic = topic;
    this.client = new KafkaClient({
      bootstrapServers: kafka.bootstrapServers,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
    });
  }

  sink(options: Partial<KafkaSinkOptions<string>> = {}): KafkaSink<string> {
    return new KafkaSink<string>({
      bootstrapServers: this.kafka.bootstrapServers,
      topic: this.topic,
      value: (text) => text,
      deliveryGuarantee: 'EXACTLY_ONCE',
      transactionalIdPrefix: this.prefix,
      ...options,
    });
  }

  /** A writer of a job with checkpoints, started. */
  async start(
    driver: SinkDriverOptions = {},
    restored?: Snapshot,
    options: Partial<KafkaSinkOptions<string>> = {},
  ): Promise<Driver> {
    const made = this.driver(driver, restored, options);
    await made.start();
    return made;
  }

  driver(driver: SinkDriverOptions = {}, restored?: Snapshot, options: Partial<KafkaSinkOptions<string>> = {}): Driver {
    const made: Driver = new SinkDriver(
      this.sink(options),
      { random: systemRandom, checkpointingEnabled: true, ...driver },
      restored,
    );
    this.#drivers.push(made);
    return made;
  }

  /** What a reader of committed records sees, by value, sorted. */
  async committed(): Promise<(string | undefined)[]> {
    return (await readCommitted(this.kafka, this.topic)).map(({ value }) => value).sort();
  }

  /** All that is in the log, committed or not, by value, in the order of offsets. */
  async written(): Promise<(string | undefined)[]> {
    return (await readTopic(this.kafka, this.topic)).map(({ value }) => value);
  }

  /** Transactions of this rig that are open. */
  async open(): Promise<string[]> {
    const found = await this.client.listTransactions({ states: ['Ongoing'], transactionalIdPrefix: this.prefix });
    return found.map(({ transactionalId }) => transactionalId).sort();
  }

  async dispose(): Promise<void> {
    for (const driver of this.#drivers) await driver.close().catch(() => {});
    await this.client.close();
  }
}

/** Writes and hands over to the brokers, without a checkpoint. */
export async function writeAndFlush(driver: Driver, values: readonly string[]): Promise<void> {
  await driver.write(values);
  await driver.writer.flush(false);
}

/** A whole checkpoint: snapshot, commit, notification. */
export async function checkpoint(driver: Driver, checkpointId: number): Promise<Snapshot> {
  const snapshot = await driver.snapshot(checkpointId);
  await driver.commit(snapshot.committables);
  await driver.notifyCheckpointComplete(checkpointId);
  return snapshot;
}

/** Deals the state of all subtasks out anew, as a rescale does. */
export function rescale(snapshots: readonly Snapshot[], parallelism: number): Snapshot[] {
  const deal = <E>(elements: readonly E[], subtask: number): E[] => elements.filter((_, i) => i % parallelism === subtask);
  return Array.from({ length: parallelism }, (_, subtask) => ({
    committables: deal(
      snapshots.flatMap(({ committables }) => committables),
      subtask,
    ),
    writerState: deal(
      snapshots.flatMap(({ writerState }) => writerState),
      subtask,
    ),
  }));
}

/** Resolves when `condition` holds. */
export async function eventually(condition: () => Promise<boolean> | boolean, timeoutMs = 30_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, `not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function isMillraceError(code: string, message: RegExp, recoverable?: boolean): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof MillraceError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    if (recoverable !== undefined) assert.equal(error.recoverable, recoverable);
    return true;
  };
}
