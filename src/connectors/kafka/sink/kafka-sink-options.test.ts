import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError } from '../../../common/index.ts';
import { KafkaSink } from './kafka-sink.ts';
import type { KafkaSinkOptions } from './kafka-sink-options.ts';

const options: KafkaSinkOptions<string> = { bootstrapServers: 'localhost:9092', topic: 't', value: (text) => text };

test('wrong options are refused when the sink is made, with what is right', () => {
  const wrong: [Partial<KafkaSinkOptions<string>>, RegExp][] = [
    [{ bootstrapServers: [] }, /bootstrapServers/],
    [{ topic: '' }, /topic/],
    [{ value: {} as never }, /jsonFormat/],
    [{ deliveryGuarantee: 'TWICE' as never }, /NONE, AT_LEAST_ONCE, EXACTLY_ONCE/],
    [{ deliveryGuarantee: 'EXACTLY_ONCE' }, /transactionalIdPrefix/],
    [{ deliveryGuarantee: 'EXACTLY_ONCE', transactionalIdPrefix: 'x'.repeat(201) }, /200/],
    [{ onLostTransaction: 'ignore' as never }, /fail, continue/],
    [{ compression: 'rar' as never }, /none, gzip, snappy, lz4, zstd/],
    [{ transactionTimeoutMs: 0 }, /transactionTimeoutMs/],
    [{ batchBytes: 1.5 }, /batchBytes/],
    [{ bufferBytes: -1 }, /bufferBytes/],
    [{ lingerMs: Number.NaN }, /lingerMs/],
    [{ deliveryTimeoutMs: 0 }, /deliveryTimeoutMs/],
  ];
  for (const [change, message] of wrong) {
    assert.throws(
      () => new KafkaSink({ ...options, ...change }),
      (error) => error instanceof MillraceError && error.code === 'INVALID_OPTION' && message.test(error.message),
      JSON.stringify(change),
    );
  }
});

test('a sink is two-phase exactly if it is to deliver exactly once', () => {
  const plain = new KafkaSink(options);
  assert.deepEqual(
    [plain.deliveryGuarantee, plain.createCommitter, plain.restoreWriter],
    ['AT_LEAST_ONCE', undefined, undefined],
  );
  const exact = new KafkaSink({ ...options, deliveryGuarantee: 'EXACTLY_ONCE', transactionalIdPrefix: 'p' });
  assert.ok(exact.createCommitter && exact.restoreWriter);
});
