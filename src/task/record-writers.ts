/**
 * The way out of a chain along one edge: a partitioner in front of the channels to the consuming subtasks.
 *
 * One class per partitioner, so that each keeps type feedback of its own. Events go to every channel. FORWARD and an edge
 * with one channel only write through without choosing.
 */
import { MillraceError, type Random } from '../common/index.ts';
import type { Partitioner } from '../graph/index.ts';
import type { ChannelWriter, StreamEvent } from '../network/index.ts';
import type { EventTarget, KeySelector, PartitionFunction } from '../operators/index.ts';
import { encodeKey, keyGroupOf, operatorIndexForKeyGroup } from '../state/index.ts';
import type { RecordWriter } from './chain-compiler.ts';

export interface PartitionerSettings {
  readonly partitioner: Partitioner;
  /** With HASH. */
  readonly keySelector?: KeySelector<unknown>;
  /** With CUSTOM; has checked what it returns. */
  readonly partition?: PartitionFunction;
  /** The number of key groups of the consuming vertex. */
  readonly maxParallelism: number;
  /** For messages. */
  readonly edgeName: string;
}

export type EdgeWriter = RecordWriter & EventTarget & { readonly channels: readonly ChannelWriter[] };

/** @param channels by consuming subtask that the edge leads to */
export function createEdgeWriter(settings: PartitionerSettings, channels: readonly ChannelWriter[], random: Random): EdgeWriter {
  const { partitioner } = settings;
  if (partitioner === 'CUSTOM') return new CustomWriter(channels, settings);
  if (channels.length === 1) return new SingleWriter(channels);
  switch (partitioner) {
    case 'HASH':
      return new HashWriter(channels, settings);
    case 'SHUFFLE':
      return new ShuffleWriter(channels, random);
    case 'BROADCAST':
      return new BroadcastWriter(channels);
    case 'GLOBAL':
      return new SingleWriter(channels);
    default:
      return new RoundRobinWriter(channels, random);
  }
}

export function broadcastEvent(channels: readonly ChannelWriter[], event: StreamEvent): void {
  for (const channel of channels) channel.writeEvent(event);
}

class EventWriter implements EventTarget {
  readonly channels: readonly ChannelWriter[];

  constructor(channels: readonly ChannelWriter[]) {
    this.channels = channels;
  }

  processWatermark(timestamp: number): void {
    broadcastEvent(this.channels, { type: 'WATERMARK', timestamp });
  }

  processIdle(idle: boolean): void {
    broadcastEvent(this.channels, { type: 'WATERMARK_STATUS', idle });
  }
}

/** To the first channel: the only one, or that of GLOBAL. */
class SingleWriter extends EventWriter implements RecordWriter {
  private readonly channel: ChannelWriter;

  constructor(channels: readonly ChannelWriter[]) {
    super(channels);
    this.channel = channels[0] as ChannelWriter;
  }

  write(value: unknown, timestamp: number): void {
    this.channel.write(value, timestamp);
  }
}

/** To hash a shorter text costs no more than to look it up. */
const SHORT_TEXT = 16;
const REMEMBERED_KEYS = 1024;
const CREDIT = 1024;
const MAX_CREDIT = 8192;

/**
 * Longer texts that came lately are remembered with their channel: to hash 36 characters takes 75 ns, to look them up 20. Where
 * keys hardly repeat, a look-up that finds nothing costs 35 to 50 ns more, so it is given up when fewer than half find something.
 */
class HashWriter extends EventWriter implements RecordWriter {
  private readonly keySelector: KeySelector<unknown>;
  private readonly maxParallelism: number;
  private readonly channelOfKeyGroup: readonly ChannelWriter[];
  /** By place: the text that came there last, and its channel. */
  private readonly keys: string[] = new Array(REMEMBERED_KEYS).fill('');
  private readonly channelOfKey: ChannelWriter[];
  /** Hits count one more, misses one less; at 0 keys do not repeat, and are no longer looked up. */
  private credit = CREDIT;

  constructor(channels: readonly ChannelWriter[], { keySelector, maxParallelism, edgeName }: PartitionerSettings) {
    super(channels);
    if (keySelector === undefined) throw new MillraceError('INTERNAL', `The hash exchange ${edgeName} has no key selector.`);
    this.keySelector = keySelector;
    this.maxParallelism = maxParallelism;
    this.channelOfKeyGroup = Array.from(
      { length: maxParallelism },
      (_, group) => channels[operatorIndexForKeyGroup(group, channels.length, maxParallelism)] as ChannelWriter,
    );
    this.channelOfKey = new Array(REMEMBERED_KEYS).fill(channels[0] as ChannelWriter);
  }

  write(value: unknown, timestamp: number): void {
    const key = this.keySelector(value);
    const channel =
      typeof key === 'string' && key.length >= SHORT_TEXT && this.credit > 0 ? this.recall(key) : this.channelOf(key);
    channel.write(value, timestamp);
  }

  private channelOf(key: unknown): ChannelWriter {
    return this.channelOfKeyGroup[keyGroupOf(encodeKey(key), this.maxParallelism)] as ChannelWriter;
  }

  private recall(key: string): ChannelWriter {
    const { length } = key;
    const end = (key.charCodeAt(length - 1) * 31 + key.charCodeAt(length - 2)) * 31 + key.charCodeAt(length - 3);
    const place = (end * 31 + key.charCodeAt(length >> 1)) & (REMEMBERED_KEYS - 1);
    if (this.keys[place] === key) {
      if (this.credit < MAX_CREDIT) this.credit++;
      return this.channelOfKey[place] as ChannelWriter;
    }
    this.credit--;
    const channel = this.channelOf(key);
    this.keys[place] = key;
    this.channelOfKey[place] = channel;
    return channel;
  }
}

class RoundRobinWriter extends EventWriter implements RecordWriter {
  private next: number;

  constructor(channels: readonly ChannelWriter[], random: Random) {
    super(channels);
    this.next = Math.floor(random.next() * channels.length);
  }

  write(value: unknown, timestamp: number): void {
    const { next } = this;
    this.next = next + 1 === this.channels.length ? 0 : next + 1;
    (this.channels[next] as ChannelWriter).write(value, timestamp);
  }
}

class ShuffleWriter extends EventWriter implements RecordWriter {
  private readonly random: Random;

  constructor(channels: readonly ChannelWriter[], random: Random) {
    super(channels);
    this.random = random;
  }

  write(value: unknown, timestamp: number): void {
    (this.channels[Math.floor(this.random.next() * this.channels.length)] as ChannelWriter).write(value, timestamp);
  }
}

class BroadcastWriter extends EventWriter implements RecordWriter {
  write(value: unknown, timestamp: number): void {
    for (const channel of this.channels) channel.write(value, timestamp);
  }
}

class CustomWriter extends EventWriter implements RecordWriter {
  private readonly partition: PartitionFunction;

  constructor(channels: readonly ChannelWriter[], { partition, edgeName }: PartitionerSettings) {
    super(channels);
    if (partition === undefined)
      throw new MillraceError('INTERNAL', `The custom exchange ${edgeName} has no partition function.`);
    this.partition = partition;
  }

  write(value: unknown, timestamp: number): void {
    (this.channels[this.partition(value, this.channels.length)] as ChannelWriter).write(value, timestamp);
  }
}
