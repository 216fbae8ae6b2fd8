import assert from 'node:assert/strict';
import { test } from 'node:test';
import { protocolErrorsCodesById } from '@platformatic/kafka';
import { MillraceError } from '../../../common/index.ts';
import { isRetriable, kafkaError, kafkaErrorName, kafkaErrorOf, notRetriable } from './kafka-errors.ts';

test("codes have Kafka's names", () => {
  for (const [code, name] of Object.entries(protocolErrorsCodesById)) {
    assert.equal(kafkaErrorOf(Number(code)), name === 'NONE' ? undefined : name);
  }
  assert.equal(kafkaErrorOf(9_999), 'UNKNOWN_SERVER_ERROR');
});

test('an error says what was tried, its name, the words of the broker, and what to do', () => {
  const error = kafkaError('creating "a"', 'TOPIC_ALREADY_EXISTS', "Topic 'a' is there", { topic: 'a' });
  assert.equal(
    error.message,
    `Kafka: creating "a": TOPIC_ALREADY_EXISTS (Topic 'a' is there): use the topic as it is, or another name.`,
  );
  assert.deepEqual([error.code, error.context.topic, kafkaErrorName(error)], ['SERVICE_FAILED', 'a', 'TOPIC_ALREADY_EXISTS']);
});

test('errors keep their name, and whether they can be tried again, when they cross a thread', () => {
  const copy = MillraceError.fromJSON(kafkaError('x', 'NOT_LEADER_OR_FOLLOWER').toJSON());
  assert.equal(kafkaErrorName(copy), 'NOT_LEADER_OR_FOLLOWER');
  assert.ok(isRetriable(copy));
});

test('some cannot be mended by a restart, most can', () => {
  const recoverable = (name: Parameters<typeof kafkaError>[1]): boolean => kafkaError('x', name).recoverable;
  assert.deepEqual(
    [recoverable('SASL_AUTHENTICATION_FAILED'), recoverable('TOPIC_AUTHORIZATION_FAILED'), recoverable('UNSUPPORTED_VERSION')],
    [false, false, false],
  );
  assert.deepEqual([recoverable('NOT_LEADER_OR_FOLLOWER'), recoverable('PRODUCER_FENCED')], [true, true]);
});

test('an error of a kind that can pass can be said not to', () => {
  const error = notRetriable(kafkaError('topic "a"', 'UNKNOWN_TOPIC_OR_PARTITION'));
  assert.deepEqual([isRetriable(error), kafkaErrorName(error)], [false, 'UNKNOWN_TOPIC_OR_PARTITION']);
});

test('what is no error of Kafka has no name and is not retriable', () => {
  assert.deepEqual(
    [kafkaErrorName(new Error('x')), isRetriable(new Error('x')), isRetriable(undefined)],
    [undefined, false, false],
  );
});
