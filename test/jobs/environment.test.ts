import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamExecutionEnvironment } from '../../src/index.ts';

test('a stream of a job that was executed already is refused, not taken for one of the next job', async () => {
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  const old = env.fromElements(1, 2);
  assert.deepEqual(await old.executeAndCollect(), [1, 2]);
  env.fromElements(3);
  assert.throws(() => old.map((x) => x), { code: 'INVALID_PROGRAM', message: /a job that was executed already/ });
});

test('nothing runs before execute, and one environment runs several jobs', async () => {
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  const seen: number[] = [];
  env.fromElements(1, 2).addSink((x) => void seen.push(x));
  assert.equal(seen.length, 0);
  await env.execute();
  env.fromElements(3).addSink((x) => void seen.push(x));
  await env.execute();
  assert.deepEqual(seen, [1, 2, 3]);
});

test('a configuration key that is unknown, and a value that is no data, are refused', () => {
  assert.throws(() => StreamExecutionEnvironment.getExecutionEnvironment({ 'paralelism.default': 1 }), {
    message: /Did you mean 'parallelism.default'/,
  });
  assert.throws(() => StreamExecutionEnvironment.getExecutionEnvironment({ 'parallelism.default': () => 1 }), {
    code: 'INVALID_OPTION',
    message: /got a function/,
  });
});

test('the execution plan has the form of Flink', () => {
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  env
    .fromElements(1)
    .keyBy((x) => x)
    .sum()
    .print();
  const plan = JSON.parse(env.getExecutionPlan());
  assert.deepEqual(
    plan.nodes.map((n: { pact: string; type: string }) => [n.pact, n.type]),
    [
      ['Data Source', 'Source: Collection Source'],
      ['Operator', 'Keyed Sum'],
      ['Data Sink', 'Sink: Print to Std. Out'],
    ],
  );
  assert.equal(plan.nodes[1].predecessors[0].ship_strategy, 'HASH');
});
