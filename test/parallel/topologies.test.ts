/** Topologies in which threads wait for each other: each must come to its end, with checkpoints that pass the waiting. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { node, programFolder } from '../cli/program-runner.ts';

const folder = programFolder({
  'topology.ts': `import { StreamExecutionEnvironment, TumblingEventTimeWindows, WatermarkStrategy } from 'millrace';
const [name, unaligned] = process.argv.slice(2);
const env = StreamExecutionEnvironment.getExecutionEnvironment({
  'parallelism.default': 2,
  ...(unaligned === '' ? {} : { 'execution.checkpointing.interval': '50 ms', 'execution.checkpointing.unaligned.enabled': unaligned }),
});
const same = (v) => v;
const pad = 'x'.repeat(200);
const numbers = (n) => env.fromSequence(1, n).map((x) => ({ x, pad }));
const topologies = {
  diamond() { const s = numbers(20_000); return s.keyBy((v) => v.x % 7).map(same).union(s.rebalance().map(same)).keyBy((v) => v.x % 13).map(same); },
  union() { const s = numbers(20_000).rebalance(); return s.union(s.map(same).keyBy((v) => v.x), s).rebalance().map(same); },
  skew: () => numbers(20_000).keyBy(() => 1).map(same).keyBy(() => 2).map(same),
  huge: () => env.fromSequence(1, 4).map((x) => ({ x, pad: 'a'.repeat(8e6), umlauts: 'ä'.repeat(1e6), list: new Array(100_000).fill(x) })).rebalance()
    .map((v) => ({ x: v.pad.length === 8e6 && v.umlauts === 'ä'.repeat(1e6) && v.list.length === 100_000 && v.list.every((x) => x === v.x) ? v.x : 0 })),
  broadcast: () => numbers(20_000).keyBy((v) => v.x % 17).connect(numbers(2_000).broadcast()).map({ map1: same, map2: same }),
  'fan-out': () => env.fromElements(1, 2).rebalance().flatMap((_, out) => { for (let x = 1; x <= 200_000; x++) out.collect({ x, pad: 'zzz' }); }).keyBy((v) => v.x).map(same),
  window: () => env.fromSequence(1, 20_000).assignTimestampsAndWatermarks(WatermarkStrategy.forMonotonousTimestamps().withTimestampAssigner(() => 5))
    .keyBy(same).window(TumblingEventTimeWindows.of(1000)).reduce((a) => a).map((x) => ({ x, pad })).rebalance().map(same),
  groups() { let s = numbers(5_000); for (let i = 0; i < 6; i++) s = s.keyBy((v) => v.x % (i + 3)).map(same).slotSharingGroup('g' + (i % 3)); return s; },
};
topologies[name]().global().process({
  open() { this.sum = 0; },
  processElement(v) { this.sum += v.x; },
  close() { console.log(this.sum); },
}).setParallelism(1).discard();
await env.execute(name);
`,
});

const upTo = (n: number): number => (n * (n + 1)) / 2;

describe('threads that wait for each other come to an end', { concurrency: 2 }, () => {
  for (const [name, unaligned, sum] of [
    ['diamond', 'true', 2 * upTo(20_000)],
    ['union', 'false', 3 * upTo(20_000)],
    ['skew', 'true', upTo(20_000)],
    ['huge', 'true', upTo(4)],
    ['broadcast', 'false', upTo(20_000) + 2 * upTo(2_000)],
    ['fan-out', 'false', 2 * upTo(200_000)],
    ['window', 'true', upTo(20_000)],
    ['groups', '', upTo(5_000)],
  ] as const) {
    const checkpoints = unaligned === '' ? 'no' : unaligned === 'true' ? 'unaligned' : 'aligned';
    test(`${name}, with ${checkpoints} checkpoints`, async () => {
      const { stdout, stderr } = await node(folder, 'topology.ts', name, unaligned);
      assert.equal(stdout, `${sum}\n`, stderr);
    });
  }
});
