/**
 * Finds the partitions of the topics and gives each to one reader.
 *
 * Which reader that is depends on the topic's name and the partition's number only, so that the partitions of a topic are spread
 * evenly and a partition that is given back goes where it was. A partition that is found first, with the job, starts where
 * the program says; one that appears later starts at its beginning, since nothing of it was ever missed. Where a partition starts
 * and ends is looked up here, and fixed in its split, before it is given out.
 *
 * A partition that vanishes is the reader's affair: it knows how far it was read.
 */
import { MillraceError, toError } from '../../../common/index.ts';
import type { SplitEnumerator, SplitEnumeratorContext } from '../../../connector/index.ts';
import { isRetriable, type KafkaClient, type TopicMetadata, type TopicPartition } from '../client/index.ts';
import { pause } from './fetch-signal.ts';
import { type KafkaSourceSplit, splitIdOf } from './kafka-source-split.ts';
import { lookUpOffsets, type OffsetLookup, OffsetsInitializer } from './offsets-initializer.ts';

export interface KafkaSourceCheckpoint {
  /** Found, and not given to a reader. */
  readonly unassigned: readonly KafkaSourceSplit[];
  /** The ids of all splits found so far. */
  readonly known: readonly string[];
  /** `false` if the checkpoint was taken before the first look. */
  readonly discovered: boolean;
}

export interface KafkaSourceEnumeratorOptions {
  readonly createClient: () => KafkaClient;
  readonly topics: readonly string[] | RegExp;
  readonly startingOffsets: OffsetsInitializer;
  /** Where reading ends; for ever if absent. */
  readonly stoppingOffsets: OffsetsInitializer | undefined;
  readonly groupId: string | undefined;
  readonly isolationLevel: OffsetLookup['isolationLevel'];
  /** Looks for new partitions if it is set. */
  readonly discoveryIntervalMs: number | undefined;
  readonly onMissingTopic: 'fail' | 'wait';
}

/** How often a topic that is waited for is looked for, if partitions are not discovered more often. */
const WAIT_FOR_TOPIC_MS = 1000;

interface FoundPartition extends TopicPartition {
  readonly topicId: string;
}

export class KafkaSourceEnumerator implements SplitEnumerator<KafkaSourceSplit, KafkaSourceCheckpoint> {
  readonly #context: SplitEnumeratorContext<KafkaSourceSplit>;
  readonly #options: KafkaSourceEnumeratorOptions;
  readonly #client: KafkaClient;
  readonly #abort = new AbortController();
  readonly #readers = new Set<number>();
  #unassigned: KafkaSourceSplit[];
  readonly #known: Set<string>;
  #discovered: boolean;
  #failedLooks = 0;

  constructor(
    context: SplitEnumeratorContext<KafkaSourceSplit>,
    options: KafkaSourceEnumeratorOptions,
    checkpoint: KafkaSourceCheckpoint = { unassigned: [], known: [], discovered: false },
  ) {
    this.#context = context;
    this.#options = options;
    this.#client = options.createClient();
    this.#unassigned = [...checkpoint.unassigned];
    this.#known = new Set(checkpoint.known);
    this.#discovered = checkpoint.discovered;
  }

  async start(): Promise<void> {
    const isRestored = this.#discovered;
    if (!isRestored) {
      this.#add(await this.#splits(await this.#firstLook(), this.#options.startingOffsets));
      this.#discovered = true;
      this.#assign();
    }
    const { discoveryIntervalMs } = this.#options;
    if (discoveryIntervalMs === undefined) return;
    this.#context.callAsync(
      () => this.#lookAgain(),
      (splits, error) => this.#lookedAgain(splits, error),
      { initialDelayMs: isRestored ? 0 : discoveryIntervalMs, periodMs: discoveryIntervalMs },
    );
  }

  // Looking

  async #firstLook(): Promise<FoundPartition[]> {
    const { topics, onMissingTopic, discoveryIntervalMs } = this.#options;
    const pauseMs = Math.min(WAIT_FOR_TOPIC_MS, discoveryIntervalMs ?? WAIT_FOR_TOPIC_MS);
    for (let waited = false; ; waited = true) {
      const { found, missing } = await this.#look();
      if (missing.length === 0) return found;
      if (onMissingTopic === 'fail') throw missingTopics(topics, missing);
      if (!waited) this.#context.logger.log('warn', `Kafka: waiting for the topics ${missing.join(', ')} to be created.`);
      await pause(this.#context.clock, pauseMs, this.#abort.signal);
      this.#abort.signal.throwIfAborted();
    }
  }

  async #look(): Promise<{ found: FoundPartition[]; missing: readonly string[] }> {
    const { topics } = this.#options;
    const { signal } = this.#abort;
    const partitionsOf = ({ topic, topicId, partitions }: TopicMetadata): FoundPartition[] =>
      partitions.map(({ partition }) => ({ topic, topicId, partition }));
    if (topics instanceof RegExp) {
      const matching = await this.#client.listTopics(topics, { signal });
      return { found: matching.flatMap(partitionsOf), missing: matching.length === 0 ? [String(topics)] : [] };
    }
    const described = await this.#client.describeTopics(topics, { allowMissing: true, fresh: true, signal });
    return {
      found: topics.flatMap((topic) => {
        const metadata = described.get(topic);
        return metadata === undefined ? [] : partitionsOf(metadata);
      }),
      missing: topics.filter((topic) => !described.has(topic)),
    };
  }

  /** New partitions, from their beginning. */
  async #lookAgain(): Promise<KafkaSourceSplit[]> {
    const { found } = await this.#look();
    const added = found.filter(({ topic, partition }) => !this.#known.has(splitIdOf(topic, partition)));
    return this.#splits(added, OffsetsInitializer.earliest());
  }

  #lookedAgain(splits: readonly KafkaSourceSplit[] | undefined, error: Error | undefined): void {
    if (error !== undefined) {
      if (this.#abort.signal.aborted) return;
      if (!isRetriable(error)) throw error;
      // The readers say what is wrong with the cluster, if it matters to them.
      this.#failedLooks++;
      this.#context.logger.log('warn', 'Cannot look for new Kafka partitions; trying again later.', {
        error: toError(error).message,
        attempts: this.#failedLooks,
      });
      return;
    }
    this.#failedLooks = 0;
    if (splits === undefined || splits.length === 0) return;
    this.#context.logger.log('info', `Kafka: found new partitions: ${splits.map(({ splitId }) => splitId).join(', ')}.`);
    this.#add(splits);
    this.#assign();
  }

  async #splits(partitions: readonly FoundPartition[], startingOffsets: OffsetsInitializer): Promise<KafkaSourceSplit[]> {
    if (partitions.length === 0) return [];
    const { groupId, isolationLevel, stoppingOffsets } = this.#options;
    const lookup: OffsetLookup = { client: this.#client, groupId, isolationLevel, signal: this.#abort.signal };
    const starts = await lookUpOffsets(startingOffsets, partitions, lookup);
    const stops = stoppingOffsets === undefined ? undefined : await lookUpOffsets(stoppingOffsets, partitions, lookup);
    return partitions.map(({ topic, topicId, partition }) => {
      const splitId = splitIdOf(topic, partition);
      const stopOffset = stops?.get(splitId);
      return {
        splitId,
        topic,
        partition,
        topicId,
        offset: starts.get(splitId) as number,
        ...(stopOffset !== undefined && { stopOffset }),
        ...(startingOffsets.kind === 'earliest' && { fromEarliest: true as const }),
      };
    });
  }

  // Giving out

  #add(splits: readonly KafkaSourceSplit[]): void {
    for (const split of splits) {
      if (this.#known.has(split.splitId)) continue;
      this.#known.add(split.splitId);
      this.#unassigned.push(split);
    }
  }

  addReader(subtaskIndex: number): void {
    this.#readers.add(subtaskIndex);
    this.#assign();
    // Nothing new is looked for in bounded input.
    if (this.#options.stoppingOffsets !== undefined) this.#context.signalNoMoreSplits(subtaskIndex);
  }

  /** Readers are given what is theirs as soon as it is found. */
  handleSplitRequest(): void {}

  addSplitsBack(splits: readonly KafkaSourceSplit[], subtaskIndex: number): void {
    this.#readers.delete(subtaskIndex);
    this.#unassigned.push(...splits);
    this.#assign();
  }

  /** Gives out what belongs to readers that are there. */
  #assign(): void {
    const parallelism = this.#context.currentParallelism();
    const assignment = new Map<number, KafkaSourceSplit[]>();
    const left: KafkaSourceSplit[] = [];
    for (const split of this.#unassigned) {
      const owner = ownerOf(split, parallelism);
      if (!this.#readers.has(owner)) left.push(split);
      else if (assignment.has(owner)) assignment.get(owner)?.push(split);
      else assignment.set(owner, [split]);
    }
    this.#unassigned = left;
    if (assignment.size > 0) this.#context.assignSplits(assignment);
  }

  snapshotState(): KafkaSourceCheckpoint {
    return { unassigned: [...this.#unassigned], known: [...this.#known], discovered: this.#discovered };
  }

  async close(): Promise<void> {
    this.#abort.abort(new MillraceError('ILLEGAL_STATE', 'The Kafka source was closed.'));
    await this.#client.close();
  }
}

/** The partitions of a topic go to the readers in turn; where that begins depends on the topic. */
function ownerOf({ topic, partition }: TopicPartition, parallelism: number): number {
  let hash = 0;
  for (let i = 0; i < topic.length; i++) hash = (Math.imul(hash, 31) + topic.charCodeAt(i)) | 0;
  return ((hash >>> 0) + partition) % parallelism;
}

function missingTopics(topics: readonly string[] | RegExp, missing: readonly string[]): MillraceError {
  const what =
    topics instanceof RegExp
      ? `No topic of the Kafka cluster matches ${topics}.`
      : `The Kafka cluster has no topic ${missing.map((topic) => `'${topic}'`).join(', ')}, or this client may not see it.`;
  return new MillraceError(
    'SOURCE_FAILED',
    `${what} Check the name and the access rights, create the topic, or let the source wait for it: onMissingTopic: 'wait'.`,
    { context: { missing: missing.join(',') }, recoverable: false },
  );
}
