import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../common/index.ts';
import { VirtualClock } from '../../../testing/index.ts';
import { CallContext, ClientLife } from './call-context.ts';
import { connectionError, isRetriable, kafkaError, kafkaErrorName } from './kafka-errors.ts';
import type { CallOptions } from './requests.ts';

function start(call: CallOptions = {}) {
  const clock = new VirtualClock();
  const life = new ClientLife();
  const options = { clock, random: seededRandom(1), firstMs: 100, longestMs: 1000 };
  return { clock, life, context: new CallContext(options, life, 10_000, call) };
}

test('retriable errors are tried again, with pauses that double up to the longest and vary', async () => {
  const { clock, context } = start();
  const times: number[] = [];
  const call = context.retrying('asking', async () => {
    times.push(clock.monotonicMs());
    if (times.length < 8) throw kafkaError('asking', 'NOT_COORDINATOR');
    return 'answer';
  });
  await clock.advanceByAsync(10_000);
  assert.equal(await call, 'answer');
  const pauses = times.slice(1).map((time, i) => time - times[i]!);
  for (const [i, pause] of pauses.entries()) {
    const middle = Math.min(100 * 2 ** i, 1000);
    assert.ok(pause >= middle * 0.75 && pause <= middle * 1.25, `pause ${i} of ${pause} ms`);
  }
  assert.ok(new Set(pauses.map((pause, i) => pause / Math.min(100 * 2 ** i, 1000))).size > 1);
});

test('a coordinator that is busy with the last transaction is asked again soon', async () => {
  const { clock, context } = start();
  let attempts = 0;
  const call = context.retrying('beginning', async () => {
    if (++attempts < 3) throw kafkaError('beginning', 'CONCURRENT_TRANSACTIONS');
  });
  await clock.advanceByAsync(50);
  await call;
  assert.equal(attempts, 3);
});

test('other errors are not tried again', async () => {
  const { context } = start();
  let attempts = 0;
  const call = context.retrying('asking', async () => {
    attempts++;
    throw kafkaError('asking', 'TOPIC_AUTHORIZATION_FAILED');
  });
  await assert.rejects(call, /TOPIC_AUTHORIZATION_FAILED: grant/);
  assert.equal(attempts, 1);
});

test('at the deadline the error says how often it was tried and what came last', async () => {
  const { clock, context } = start({ timeoutMs: 3_000 });
  const call = context.retrying('asking for the brokers', async () => {
    throw connectionError('connecting to b:1', new Error('ECONNREFUSED'));
  });
  const rejected = assert.rejects(call, (error: Error) => {
    assert.match(
      error.message,
      /asking for the brokers: no success after 6 attempts in [12]\.\d s; the last: .*b:1: ECONNREFUSED/,
    );
    assert.ok(isRetriable(error));
    return kafkaErrorName(error) === 'NETWORK_EXCEPTION';
  });
  await clock.advanceByAsync(10_000);
  await rejected;
});

test('an abort ends a pause at once, and later attempts are not made', async () => {
  const controller = new AbortController();
  const { context } = start({ signal: controller.signal });
  let attempts = 0;
  const call = context.retrying('asking', async () => {
    attempts++;
    throw kafkaError('asking', 'NOT_COORDINATOR');
  });
  await Promise.resolve();
  controller.abort(new Error('enough'));
  await assert.rejects(call, /enough/);
  assert.equal(attempts, 1);
});

test('what is waited for when the client is closed, or the call aborted, is left to itself', async () => {
  const late = Promise.withResolvers<string>();
  const { life, context } = start();
  const waiting = context.wait(late.promise);
  life.close();
  await assert.rejects(waiting, { code: 'ILLEGAL_STATE' });
  await assert.rejects(context.wait(late.promise), { code: 'ILLEGAL_STATE' });
  const aborted = start({ signal: AbortSignal.abort(new Error('before')) });
  await assert.rejects(aborted.context.wait(late.promise), /before/);
  late.reject(new Error('nobody cares'));
});
