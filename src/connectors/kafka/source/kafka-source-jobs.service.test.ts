/** Whole jobs that read Kafka, in worker threads: killed and restored, stopped and started at another parallelism. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { node, type Outcome, programFolder } from '../../../../test/cli/program-runner.ts';
import { type KafkaService, startKafka } from '../../../../test/services/kafka.ts';
import { createTopic, produce } from '../../../../test/services/kafka-topics.ts';

const COUNT = 3000;

const folder = programFolder({
  'count.ts': `import { appendFileSync, existsSync, statSync } from 'node:fs';
import { RestartStrategies, StreamExecutionEnvironment, Types, TumblingEventTimeWindows, ValueStateDescriptor, WatermarkStrategy } from 'millrace';
import { jsonFormat } from 'millrace/formats';
import { KafkaSource, OffsetsInitializer } from 'millrace/kafka';
const [bootstrapServers, topics, parallelism, mode, path = ''] = process.argv.slice(2);
const env = StreamExecutionEnvironment.getExecutionEnvironment({
  'parallelism.default': Number(parallelism),
  'execution.checkpointing.interval': '30 ms',
  ...(path === '' ? {} : { 'execution.state-recovery.path': path }),
});
env.setRestartStrategy(RestartStrategies.fixedDelayRestart(100, 1));
const marker = 'failures-' + topics;
let seen = 0;
const slow = (v) => {
  const end = performance.now() + (mode === 'stop' ? 0.5 : 0.1);
  while (performance.now() < end);
  if (mode === 'fail' && ++seen === 400 && (!existsSync(marker) || statSync(marker).size < 3)) {
    appendFileSync(marker, 'x');
    throw new Error('on purpose');
  }
  return v;
};
const source = KafkaSource.forValues(jsonFormat({ schema: Types.OBJECT({ x: Types.INT }) }), {
  bootstrapServers, topics, bounded: OffsetsInitializer.latest(), partitionFetchBytes: 4096, groupId: 'group-' + topics,
});
const numbers = env.fromSource(source, WatermarkStrategy.forMonotonousTimestamps(), 'Numbers').uid('numbers').map(slow).uid('slow');
const counted = numbers.keyBy((v) => v.x % 50).process({
  open(context) { this.count = context.getState(new ValueStateDescriptor('count')); },
  processElement(v, context, out) {
    this.count.update((this.count.value() ?? 0) + 1);
    out.collect({ text: 'count ' + v.x + ' ' + this.count.value() });
  },
}).uid('count');
const windows = numbers.keyBy(() => 'all').window(TumblingEventTimeWindows.of(1000)).reduce((a, b) => ({ x: a.x + b.x })).uid('windows').map((v) => ({ text: 'sum ' + v.x }));
const output = counted.union(windows);
if (mode === 'stop') {
  output.addSink((v) => console.log(v.text)).uid('out').setParallelism(1);
  const client = await env.executeAsync('Counts');
  const result = client.getJobExecutionResult();
  for (;;) {
    const metrics = Object.entries(await client.getMetrics());
    if (metrics.some(([name, value]) => name.endsWith('Sink.numRecordsIn') && value >= 300)) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  console.log('savepoint', await client.stopWithSavepoint(false, 'savepoints'));
  await result;
} else {
  for (const { text } of await output.executeAndCollect()) console.log(text);
  if (mode === 'fail') console.log('failures ' + statSync(marker).size);
}
`,
});

const rows = (kind: string, outcomes: readonly Outcome[]): string[] =>
  outcomes.flatMap(({ stdout }) => stdout.split('\n')).filter((line) => line.startsWith(`${kind} `));

/** Each number once, each key counted without a gap, and the windows whole. */
function assertWhole(...outcomes: readonly Outcome[]): void {
  const expected = Array.from({ length: COUNT }, (_, x) => x);
  const counts = rows('count', outcomes).map((line) => line.split(' ').map(Number) as [number, number, number]);
  assert.equal(counts.length, COUNT, outcomes.map(({ stderr }) => stderr).join('\n'));
  assert.deepEqual(
    counts.map(([, x]) => x).sort((a, b) => a - b),
    expected,
  );
  assert.equal(new Set(counts.map(([, x, count]) => `${x % 50} ${count}`)).size, COUNT);
  const sums = rows('sum', outcomes).map((line) => Number(line.split(' ')[1]));
  assert.equal(sums.length, COUNT / 1000);
  assert.equal(
    sums.reduce((a, b) => a + b, 0),
    (COUNT * (COUNT - 1)) / 2,
  );
}

describe('a job that reads Kafka', { timeout: 240_000 }, () => {
  let kafka: KafkaService;
  before(async () => {
    kafka = await startKafka();
  });
  after(() => kafka?.stop());

  async function filledTopic(): Promise<string> {
    const topic = await createTopic(kafka, 'jobs', { partitions: 3 });
    await produce(
      kafka,
      topic,
      Array.from({ length: COUNT }, (_, x) => ({
        value: JSON.stringify({ x, pad: 'x'.repeat(50) }),
        partition: x % 3,
        timestampMs: x,
      })),
    );
    return topic;
  }
  const run = (topic: string, ...args: readonly string[]): Promise<Outcome> =>
    node(folder, 'count.ts', kafka.bootstrapServers, topic, ...args);

  test('and fails again and again, counts each record once', async () => {
    const outcome = await run(await filledTopic(), '2', 'fail');
    assertWhole(outcome);
    assert.match(outcome.stdout, /^failures [1-9]$/m);
  });

  test('and is stopped with savepoints, goes on at any parallelism', async () => {
    const topic = await filledTopic();
    const outcomes: Outcome[] = [];
    for (const parallelism of ['1', '3', '2']) {
      const path = outcomes.map(({ stdout }) => /^savepoint (.*)$/m.exec(stdout)?.[1]).at(-1) ?? '';
      outcomes.push(await run(topic, parallelism, parallelism === '2' ? 'finish' : 'stop', path));
    }
    assertWhole(...outcomes);
  });
});
