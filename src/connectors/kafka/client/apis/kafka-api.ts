/**
 * Kafka's requests as values: key, versions, and how a request is written and its response read.
 *
 * Only the versions named here are spoken, and of those the newest that the broker has. All are "flexible" versions: compact
 * strings and arrays, and tagged fields behind every structure. The oldest of each is in Apache Kafka 3.1.
 */
import type { Reader, Writer } from '@platformatic/kafka';
import { MillraceError } from '../../../../common/index.ts';
import type { TopicPartition } from '../requests.ts';

/** The memory of a response, for those that refer to it. */
export interface KeptFrame {
  /** @returns the function that gives the memory back. */
  keep(): () => void;
}

export interface KafkaApi<Request, Response> {
  readonly key: number;
  /** Kafka's name of it, for messages. */
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
  /** Whether headers end with tagged fields; `true` by default. */
  readonly flexible?: boolean;
  /** Whether the header of the response does; as `flexible` by default. */
  readonly flexibleResponse?: boolean;
  write(writer: Writer, request: Request, version: number): void;
  /**
   * Reads a response; `reader` is on one piece of memory.
   * @param version The one that the request was written in.
   * @param frame Where the response lies. Given back when this returns, unless `keep` is called: then by who has called it.
   */
  read(reader: Reader, version: number, frame: KeptFrame): Response;
}

/** @throws MillraceError `CORRUPT_DATA` beyond 2^53. */
export function readLong(reader: Reader): number {
  const value = Number(reader.readInt64());
  if (Number.isSafeInteger(value)) return value;
  throw new MillraceError('CORRUPT_DATA', `Kafka: a response has a number that is out of range (${value}).`);
}

export function writeLong(writer: Writer, value: number): Writer {
  return writer.appendInt64(BigInt(value));
}

/** An array whose entries end with tagged fields. */
export function readStructs<T>(reader: Reader, read: (reader: Reader) => T): T[] {
  return reader.readArray((r) => read(r), true, true);
}

export function writeStructs<T>(writer: Writer, values: readonly T[], write: (writer: Writer, value: T) => void): Writer {
  return writer.appendArray(values as T[], (w, value) => write(w, value), true, true);
}

export function readInts(reader: Reader): number[] {
  return reader.readArray((r) => r.readInt32(), true, false);
}

export function writeInts(writer: Writer, values: readonly number[]): Writer {
  return writer.appendArray(values as number[], (w, value) => w.appendInt32(value), true, false);
}

export function writeStrings(writer: Writer, values: readonly string[]): Writer {
  return writer.appendArray(values as string[], (w, value) => w.appendString(value), true, false);
}

/** Partitions by topic, as requests want them. */
export function byTopic<P extends TopicPartition>(partitions: readonly P[]): [topic: string, partitions: P[]][] {
  const topics = new Map<string, P[]>();
  for (const partition of partitions) {
    const list = topics.get(partition.topic);
    if (list) list.push(partition);
    else topics.set(partition.topic, [partition]);
  }
  return [...topics];
}
