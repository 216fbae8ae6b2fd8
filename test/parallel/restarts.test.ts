/** Failures that must not show in the output: every topology ends with what a run without them gives. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { node, programFolder } from '../cli/program-runner.ts';

const folder = programFolder({
  'topology.ts': `import { appendFileSync, existsSync, statSync } from 'node:fs';
import { DataGeneratorSource, RestartStrategies, StreamExecutionEnvironment, TumblingEventTimeWindows, ValueStateDescriptor, WatermarkStrategy } from 'millrace';
const [name, unaligned, backend] = process.argv.slice(2);
const N = 4000;
const env = StreamExecutionEnvironment.getExecutionEnvironment({
  'parallelism.default': 2,
  'state.backend.type': backend,
  'execution.checkpointing.interval': '30 ms',
  'execution.checkpointing.unaligned.enabled': unaligned,
});
env.setRestartStrategy(RestartStrategies.fixedDelayRestart(100, 1));
const marker = ['failures', name, unaligned, backend].join('-');
const failing = () => {
  let seen = 0;
  return { map: (v) => {
    if (++seen === 600 && (!existsSync(marker) || statSync(marker).size < 3)) {
      appendFileSync(marker, 'x');
      throw new Error('on purpose');
    }
    return v;
  } };
};
const same = (v) => v;
const source = env.fromSource(new DataGeneratorSource((x) => ({ x, pad: 'x'.repeat(100) }), N, { ratePerSecond: 8000 }),
  WatermarkStrategy.forMonotonousTimestamps().withTimestampAssigner((v) => v.x), 'Numbers');
const topologies = {
  diamond: () => [2, source.map(same).keyBy((v) => v.x % 7).map(failing()).union(source.rebalance().map(same)).shuffle().map(same)],
  union: () => { const s = source.rebalance().map(failing()).rebalance(); return [3, s.union(s, s).map(same)]; },
  skew: () => [1, source.keyBy(() => 'one').map(failing())],
  windows: () => [1, source.keyBy((v) => v.x % 100).window(TumblingEventTimeWindows.of(50)).reduce((a, b) => (a.x < b.x ? a : b)).rebalance().map(failing())],
  parallelisms: () => [1, source.setParallelism(1).map(failing()).setParallelism(3).rescale().map(same).setParallelism(2)],
};
const [copies, stream] = topologies[name]();
const counted = stream.keyBy((v) => v.x % 50).process({
  open(context) { this.count = context.getState(new ValueStateDescriptor('count')); },
  processElement(v, context, out) {
    this.count.update((this.count.value() ?? 0) + 1);
    out.collect({ key: v.x % 50, x: v.x, count: this.count.value() });
  },
});
const rows = await counted.executeAndCollect();
const times = new Map();
for (const { x } of rows) times.set(x, (times.get(x) ?? 0) + 1);
const counts = new Set(rows.map(({ key, count }) => key + ' ' + count));
console.log(rows.length === N * copies, times.size === N, [...times.values()].every((n) => n === copies), counts.size === rows.length);
console.log('failed', statSync(marker).size >= 1);
`,
});

describe('a job that fails again and again', { concurrency: 2 }, () => {
  for (const [name, unaligned, backend] of [
    ['diamond', 'false', 'hashmap'],
    ['diamond', 'true', 'hashlog'],
    ['union', 'true', 'hashmap'],
    ['skew', 'true', 'hashmap'],
    ['windows', 'true', 'hashlog'],
    ['parallelisms', 'false', 'hashlog'],
  ] as const) {
    const how = `${unaligned === 'true' ? 'unaligned' : 'aligned'} checkpoints and ${backend}`;
    test(`puts out each record once (${name}, with ${how})`, async () => {
      const { stdout, stderr } = await node(folder, 'topology.ts', name, unaligned, backend);
      assert.equal(stdout, 'true true true true\nfailed true\n', stderr);
    });
  }
});
