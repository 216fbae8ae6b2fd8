/**
 * The record of a timer that is kept as state. All of it is its key: the time first, so that timers can be put in order without
 * decoding the rest; the namespace; the key in the general codec.
 */
import { type BinaryReader, type BinaryWriter, decodeValue, encodeValue } from '../../serialization/index.ts';
import type { CanonicalKey } from '../key-encoding.ts';
import { hashKey } from '../key-groups.ts';
import type { Timer } from '../timer-queue.ts';
import { type CurrentKey, subTagOf } from './current-key.ts';
import type { RecordLog } from './record-log.ts';
import { RecordWindow } from './record-window.ts';
import type { StateTable } from './state-store.ts';

export function writeTimer(writer: BinaryWriter, key: CanonicalKey, namespace: string, timestamp: number): void {
  writer.truncate(0);
  writer.writeFloat64(timestamp);
  writer.writeString(namespace);
  encodeValue(writer, key);
}

/** @throws MillraceError `CORRUPT_DATA` */
export function readTimer(reader: BinaryReader): Timer {
  const timestamp = reader.readFloat64();
  const namespace = reader.readString();
  return { key: decodeValue(reader) as CanonicalKey, namespace, timestamp };
}

/** The tag of a timer's record, of the key group of its key. */
export function tagOfTimer(
  key: CanonicalKey,
  namespace: string,
  timestamp: number,
  current: CurrentKey,
  maxParallelism: number,
): number {
  const tag = key === current.canonical ? current.tag : hashKey(key) | 0;
  const hash = namespace === '' ? hashKey(timestamp) : Math.imul(hashKey(timestamp), 31) ^ hashKey(namespace);
  return subTagOf(tag, hash | 0, maxParallelism);
}

/**
 * Where timers are cut into spans: between two times; and where too many have the same one, within it, by a hash of the timer.
 * So any set of timers can be cut in halves.
 */
export interface TimerPosition {
  readonly timestamp: number;
  /** 32 bits, unsigned. */
  readonly hash: number;
}

/** Not the hash of indexes: what is cut by that would fill a few of their pages only. */
export function hashOfTimer(tag: number): number {
  const hash = Math.imul(tag ^ (tag >>> 15), 0x2c1b3c6d);
  return Math.imul(hash ^ (hash >>> 12), 0x297a2d39) >>> 0;
}

export function comparePositions(a: TimerPosition, b: TimerPosition): number {
  if (a.timestamp !== b.timestamp) return a.timestamp < b.timestamp ? -1 : 1;
  return a.hash - b.hash;
}

/** Calls `visit` with each record of a table in the order of the log; the table may change meanwhile. */
export function forEachTimerRecord(
  log: RecordLog,
  { values }: StateTable,
  visit: (window: RecordWindow, location: number) => void,
): void {
  log.iterate(() => {
    const window = new RecordWindow(log.segments);
    for (const location of values.locations()) {
      window.open(location);
      visit(window, location | 0);
    }
  });
}
