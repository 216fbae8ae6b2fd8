/**
 * Where reading begins and where it ends, as plain data, and how that becomes offsets.
 *
 * Offsets are looked up once, by the enumerator, when a partition is found; what was found is then part of the checkpoint. So
 * 'latest' means the end as it was when the job started, also for a job that fails before it has read anything.
 */
import { MillraceError } from '../../../common/index.ts';
import type { IsolationLevel, KafkaClient, ListOffsetsPartition, OffsetSpec, TopicPartition } from '../client/index.ts';
import { splitIdOf } from './kafka-source-split.ts';

/** What takes the place of an offset that is not there: Kafka's `auto.offset.reset`. */
export type OffsetResetStrategy = 'earliest' | 'latest' | 'none';

/** Made by the functions of {@link OffsetsInitializer}. */
export type OffsetsInitializer =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'committed'; readonly reset: OffsetResetStrategy }
  | { readonly kind: 'timestamp'; readonly timestampMs: number }
  | { readonly kind: 'offsets'; readonly offsets: Readonly<Record<string, number>>; readonly reset: OffsetResetStrategy };

/** Offsets in the partitions of topics: to start from, or to stop at. */
export const OffsetsInitializer = {
  /** The first record that is still there. */
  earliest(): OffsetsInitializer {
    return { kind: 'earliest' };
  },
  /**
   * The end, as it is when the job starts: behind the last record, or, with `read_committed`, in front of the first transaction
   * that is still open.
   */
  latest(): OffsetsInitializer {
    return { kind: 'latest' };
  },
  /** What the source's group has committed; `reset` says what holds for partitions in which it has not: 'none' fails. */
  committedOffsets(reset: OffsetResetStrategy = 'none'): OffsetsInitializer {
    return { kind: 'committed', reset };
  },
  /** The first record whose timestamp is this (milliseconds since the epoch) or later; the end if there is none. */
  timestamp(timestampMs: number): OffsetsInitializer {
    if (!(Number.isInteger(timestampMs) && timestampMs >= 0)) {
      throw new MillraceError('INVALID_OPTION', `A timestamp must be in milliseconds since the epoch, but is ${timestampMs}.`);
    }
    return { kind: 'timestamp', timestampMs };
  },
  /**
   * The offset given for each partition, as in `{ 'orders-0': 120, 'orders-1': 95 }`; `reset` says what holds for partitions that
   * are not named: 'none' fails.
   */
  offsets(offsets: Readonly<Record<string, number>>, reset: OffsetResetStrategy = 'earliest'): OffsetsInitializer {
    for (const [partition, offset] of Object.entries(offsets)) {
      if (/^.+-\d+$/.test(partition) && Number.isSafeInteger(offset) && offset >= 0) continue;
      throw new MillraceError(
        'INVALID_OPTION',
        `Offsets are given as { 'topic-partition': offset }, such as { 'orders-0': 120 }, but '${partition}' has ${offset}.`,
      );
    }
    return { kind: 'offsets', offsets, reset };
  },
} as const;

export interface OffsetLookup {
  readonly client: KafkaClient;
  readonly groupId: string | undefined;
  readonly isolationLevel: IsolationLevel;
  readonly signal: AbortSignal;
}

/** Looks up the offsets of partitions; the map has an entry, by split id, for each. */
export async function lookUpOffsets(
  initializer: OffsetsInitializer,
  partitions: readonly TopicPartition[],
  lookup: OffsetLookup,
): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const missing: TopicPartition[] = [];
  const add = ({ topic, partition }: TopicPartition, offset: number | undefined): void => {
    if (offset === undefined) missing.push({ topic, partition });
    else found.set(splitIdOf(topic, partition), offset);
  };
  switch (initializer.kind) {
    case 'earliest':
    case 'latest':
      for (const listed of await list(initializer.kind, partitions, lookup)) add(listed, listed.offset);
      break;
    case 'timestamp':
      for (const listed of await list({ timestampMs: initializer.timestampMs }, partitions, lookup)) add(listed, listed.offset);
      for (const listed of await list('latest', missing, lookup))
        found.set(splitIdOf(listed.topic, listed.partition), listed.offset ?? 0);
      return found;
    case 'committed': {
      const { client, groupId, signal } = lookup;
      if (groupId === undefined) throw new MillraceError('INVALID_OPTION', 'Committed offsets need the option "groupId".');
      for (const fetched of await client.offsetFetch(groupId, partitions, { signal })) add(fetched, fetched.offset);
      break;
    }
    case 'offsets':
      for (const partition of partitions) add(partition, initializer.offsets[splitIdOf(partition.topic, partition.partition)]);
      break;
  }
  if (missing.length === 0) return found;
  if (initializer.kind !== 'committed' && initializer.kind !== 'offsets') return found;
  if (initializer.reset === 'none') throw nothingKnown(initializer.kind, missing, lookup.groupId);
  for (const listed of await list(initializer.reset, missing, lookup)) add(listed, listed.offset);
  return found;
}

async function list(at: OffsetSpec, partitions: readonly TopicPartition[], lookup: OffsetLookup) {
  if (partitions.length === 0) return [];
  const { client, isolationLevel, signal } = lookup;
  const wanted: ListOffsetsPartition[] = partitions.map(({ topic, partition }) => ({ topic, partition, at }));
  return client.listOffsets(wanted, { isolationLevel, signal });
}

function nothingKnown(
  kind: 'committed' | 'offsets',
  missing: readonly TopicPartition[],
  groupId: string | undefined,
): MillraceError {
  const names = missing.slice(0, 10).map(({ topic, partition }) => splitIdOf(topic, partition));
  if (missing.length > names.length) names.push(`${missing.length - names.length} more`);
  const what =
    kind === 'committed'
      ? `The group '${groupId}' has committed no offset for ${names.join(', ')}.`
      : `No offset is given for ${names.join(', ')}.`;
  return new MillraceError(
    'SOURCE_FAILED',
    `${what} Say where to begin then, by a reset strategy: 'earliest' or 'latest' instead of 'none'.`,
    { recoverable: false },
  );
}
