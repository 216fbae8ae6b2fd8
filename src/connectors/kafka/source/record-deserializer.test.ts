import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type MessageDecodingFormat, NO_TIMESTAMP, OutputTag, RecordBatch } from '../../../connector/index.ts';
import { bytesFormat, jsonFormat, textLineFormat } from '../../../formats/index.ts';
import { Types } from '../../../serialization/index.ts';
import {
  type BatchCodecs,
  KafkaBatchReader,
  KafkaBatchWriter,
  type KafkaHeader,
  loadBatchCodecs,
  RecordBounds,
} from '../batches/index.ts';
import { fetchedEnd } from './fetched-end.ts';
import { KafkaPartition } from './kafka-partition.ts';
import type { KafkaRecord } from './kafka-record.ts';
import type { KafkaMalformedPolicy, MalformedKafkaRecord } from './malformed-kafka-record.ts';
import { type KafkaRecordFunction, RecordDeserializer } from './record-deserializer.ts';

const utf8 = new TextEncoder();
const bytesOf = (text: string | null): Uint8Array | null => (text === null ? null : utf8.encode(text));

interface TestRecord {
  readonly timestamp?: number;
  readonly key?: string | null;
  readonly value: string | null;
  readonly headers?: readonly KafkaHeader[];
}

interface Deserialized<T> {
  readonly values: T[];
  readonly timestamps: number[];
  readonly malformed: MalformedKafkaRecord[];
  readonly errors: number;
}

describe('records of Kafka', () => {
  let codecs: BatchCodecs;
  before(async () => {
    codecs = await loadBatchCodecs();
  });

  function batchOf(records: readonly TestRecord[]): Uint8Array {
    const writer = new KafkaBatchWriter({ codecs });
    for (const { timestamp = 0, key = null, value, headers = [] } of records) {
      writer.append(timestamp, bytesOf(key), bytesOf(value), headers);
    }
    return writer.finish();
  }

  /** Reads the records, `step` at a time. */
  async function deserialize<T>(
    records: readonly TestRecord[],
    format: MessageDecodingFormat<unknown> | undefined,
    options: { read?: KafkaRecordFunction<T>; onMalformed?: KafkaMalformedPolicy; step?: number } = {},
  ): Promise<Deserialized<T>> {
    const { read, onMalformed = 'fail', step = 1000 } = options;
    const bounds = new RecordBounds(1024);
    let errors = 0;
    const deserializer = new RecordDeserializer<T>({ format, read, onMalformed, countError: () => errors++ }, bounds);
    const reader = new KafkaBatchReader({ topic: 'orders', partition: 3, codecs });
    reader.open(batchOf(records), 0);
    const partition = new KafkaPartition({ splitId: 'orders-3', topic: 'orders', partition: 3, topicId: 'id', offset: 0 });
    const found: Deserialized<T> & { errors: number } = { values: [], timestamps: [], malformed: [], errors: 0 };
    const batch = new RecordBatch<T>();
    while (reader.readRecords(bounds)) {
      for (let at = 0; at < bounds.length; ) {
        batch.reset();
        const behind = deserializer.read(partition, at, Math.min(at + step, bounds.length), batch);
        if (behind === at) await deserializer.ready();
        at = behind;
        found.values.push(...batch.values.slice(0, batch.length));
        found.timestamps.push(...batch.timestamps.subarray(0, batch.length));
        found.malformed.push(...(batch.sideOutputs ?? []).map(({ value }) => value as MalformedKafkaRecord));
      }
    }
    return { ...found, errors };
  }

  const orders = jsonFormat({ schema: Types.OBJECT({ n: Types.INT }) });

  test('become values with the timestamps that they have', async () => {
    const records = Array.from({ length: 2500 }, (_, n) => ({
      timestamp: 1000 + n,
      key: `k${n}`,
      value: `{"n":${n},"more":"x"}`,
    }));
    const { values, timestamps } = await deserialize(records, orders);
    assert.deepEqual(
      values,
      records.map((_, n) => ({ n })),
    );
    assert.deepEqual(
      timestamps,
      records.map(({ timestamp }) => timestamp),
    );
  });

  test('without a timestamp have none', async () => {
    const { timestamps } = await deserialize([{ timestamp: -1, value: 'a' }], textLineFormat());
    assert.deepEqual(timestamps, [NO_TIMESTAMP]);
  });

  test('without a value are passed over where only values are read', async () => {
    const records = [
      { value: null },
      { timestamp: 1, value: '{"n":1}' },
      { value: null },
      { value: null },
      { timestamp: 4, value: '{"n":4}' },
      { value: null },
    ];
    for (const step of [1, 2, 3, 10]) {
      const { values, timestamps } = await deserialize(records, orders, { step });
      assert.deepEqual(values, [{ n: 1 }, { n: 4 }]);
      assert.deepEqual(timestamps, [1, 4]);
    }
  });

  const mixed: TestRecord[] = [
    { timestamp: 0, value: '{"n":0}' },
    { timestamp: 1, key: 'k', value: '{"n":"x"}' },
    { timestamp: 2, value: null },
    { timestamp: 3, value: '{"n":3}' },
    { timestamp: 4, value: '' },
    { timestamp: 5, value: '{"n":5}' },
  ];

  test('that are malformed end the job, with topic, partition, offset and column', async () => {
    await assert.rejects(deserialize(mixed, orders), {
      code: 'MALFORMED_RECORD',
      recoverable: false,
      context: { topic: 'orders', partition: 3, offset: 1, column: 6 },
      message: /The record at offset 1 of orders-3, column 6: The field "n" is no INT: .* Value: "\{\\"n\\":\\"x\\"\}"/,
    });
  });

  test('that are malformed are skipped and counted', async () => {
    for (const step of [1, 2, 10]) {
      const { values, timestamps, errors } = await deserialize(mixed, orders, { onMalformed: 'skip', step });
      assert.deepEqual(values, [{ n: 0 }, { n: 3 }, { n: 5 }]);
      assert.deepEqual(timestamps, [0, 3, 5]);
      assert.equal(errors, 2);
    }
  });

  test('that are malformed go to a side output with all that is known of them', async () => {
    const { values, malformed, errors } = await deserialize(mixed, orders, {
      onMalformed: new OutputTag<MalformedKafkaRecord>('bad'),
    });
    assert.deepEqual(values, [{ n: 0 }, { n: 3 }, { n: 5 }]);
    assert.equal(errors, 2);
    assert.deepEqual(malformed[0], {
      topic: 'orders',
      partition: 3,
      offset: 1,
      timestamp: 1,
      column: 6,
      message: 'The field "n" is no INT: "\\"x\\""',
      key: utf8.encode('k'),
      bytes: utf8.encode('{"n":"x"}'),
    });
    assert.deepEqual([malformed[1]?.offset, malformed[1]?.key, malformed[1]?.bytes], [4, null, new Uint8Array(0)]);
  });

  test('are shown to a function with everything in them, tombstones too', async () => {
    const records: TestRecord[] = [
      {
        timestamp: 7,
        key: 'é',
        value: '{"n":0}',
        headers: [
          { key: 'h', value: utf8.encode('1') },
          { key: 'h', value: utf8.encode('2') },
          { key: 'x', value: null },
        ],
      },
      { timestamp: 8, key: null, value: null },
    ];
    const read = (record: KafkaRecord, value: unknown) => ({
      place: `${record.topic}-${record.partition}@${record.offset}`,
      timestamp: record.timestamp,
      isTombstone: record.isTombstone,
      keyText: record.keyText(),
      key: record.key(),
      valueText: record.valueText(),
      bytes: record.value(),
      headers: record.headers(),
      h: record.headerText('h'),
      x: record.headerText('x'),
      value,
    });
    const { values, timestamps } = await deserialize(records, orders, { read });
    assert.deepEqual(values, [
      {
        place: 'orders-3@0',
        timestamp: 7,
        isTombstone: false,
        keyText: 'é',
        key: utf8.encode('é'),
        valueText: '{"n":0}',
        bytes: utf8.encode('{"n":0}'),
        headers: records[0]?.headers,
        h: '2',
        x: null,
        value: { n: 0 },
      },
      {
        place: 'orders-3@1',
        timestamp: 8,
        isTombstone: true,
        keyText: null,
        key: null,
        valueText: null,
        bytes: null,
        headers: [],
        h: null,
        x: null,
        value: undefined,
      },
    ]);
    assert.deepEqual(timestamps, [7, 8]);
  });

  test('for which a function returns nothing are left out, and malformed ones are not shown to it', async () => {
    const seen: number[] = [];
    const read = (record: KafkaRecord, value: { n: number } | undefined) => {
      seen.push(record.offset);
      return value === undefined ? undefined : `${record.offset}:${value.n}`;
    };
    for (const step of [1, 2, 10]) {
      seen.length = 0;
      const { values, timestamps, errors } = await deserialize(mixed, orders, { read, onMalformed: 'skip', step });
      assert.deepEqual(values, ['0:0', '3:3', '5:5']);
      assert.deepEqual(timestamps, [0, 3, 5]);
      assert.deepEqual(seen, [0, 2, 3, 5]);
      assert.equal(errors, 2);
    }
  });

  test('on which a function fails end the job with the offset, or are malformed', async () => {
    const read = (record: KafkaRecord) => {
      if (record.offset === 1) throw new Error('no such user');
      return record.offset;
    };
    await assert.rejects(deserialize(mixed, undefined, { read }), {
      code: 'USER_FUNCTION_FAILED',
      message: /failed at offset 1 of orders-3: no such user/,
    });
    const { values, malformed } = await deserialize(mixed, undefined, {
      read,
      onMalformed: new OutputTag<MalformedKafkaRecord>('bad'),
    });
    assert.deepEqual(values, [0, 2, 3, 4, 5]);
    assert.deepEqual([malformed[0]?.offset, malformed[0]?.message], [1, 'no such user']);
  });

  test('of bytes are copies', async () => {
    const { values } = await deserialize<Uint8Array>([{ value: 'abc' }], bytesFormat());
    assert.equal(values[0]?.buffer.byteLength, 3);
  });

  test('that a format waits for come afterwards, once', async () => {
    let isReady = false;
    const format: MessageDecodingFormat<string> = {
      name: 'late',
      createMessageDecoder: () => ({
        decode(block, from, to, out) {
          for (let i = from; i < to; i++) {
            if (block.bytes[block.starts[i] as number] === 0x62 && !isReady) return i;
            out.push(String.fromCharCode(block.bytes[block.starts[i] as number] as number));
          }
          return to;
        },
        async ready() {
          isReady = true;
        },
      }),
    };
    const records = ['a', null, 'a', null, 'b', 'c', null].map((value, timestamp) => ({ timestamp, value }));
    for (const step of [1, 3, 10]) {
      isReady = false;
      const { values, timestamps } = await deserialize(records, format, { step });
      assert.deepEqual(values, ['a', 'a', 'b', 'c']);
      assert.deepEqual(timestamps, [0, 2, 4, 5]);
    }
  });

  test('end where the last whole batch does', () => {
    const batch = batchOf([{ value: 'a' }, { value: 'b' }, { value: 'c' }]);
    const later = batchOf([{ value: 'd' }, { value: 'e' }]);
    new DataView(later.buffer, later.byteOffset).setBigInt64(0, 100n);
    const both = Buffer.concat([batch, later]);
    assert.equal(fetchedEnd(batch), 3);
    assert.equal(fetchedEnd(both), 102);
    assert.equal(fetchedEnd(both.subarray(0, both.length - 1)), 3);
    assert.equal(fetchedEnd(batch.subarray(0, batch.length - 1)), undefined);
    assert.equal(fetchedEnd(new Uint8Array(0)), undefined);
    const broken = Buffer.from(both);
    broken.writeInt32BE(-12, batch.length + 8);
    assert.equal(fetchedEnd(broken), 3);
  });
});
