/** source → map → filter → map → sink on numbers, against a loop that calls the same functions. */
import { StreamExecutionEnvironment } from 'millrace';
import { alternate, speedRatio } from './alternate.ts';
import type { Benchmark } from './benchmark.ts';

export const chain: Benchmark = {
  name: 'chain',
  description: 'source, map, filter, map, sink on numbers, against a loop that calls the same functions',
  async run({ rounds, scale }) {
    const records = Math.ceil(20_000_000 * scale);
    const comparison = await alternate(
      [
        { name: 'engine', run: () => engine(records) },
        { name: 'loop', run: () => loop(records) },
      ],
      { units: records, rounds, warmupRounds: 2 },
    );
    return {
      name: 'chain',
      comparisons: { numbers: comparison },
      figures: [{ name: 'ratio', value: speedRatio(comparison, 'engine', 'loop'), target: { min: 0.8 } }],
    };
  },
};

async function engine(records: number): Promise<number> {
  let sum = 0;
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  env
    .fromSequence(1, records)
    .map((x) => x * 2)
    .filter((x) => x % 3 !== 0)
    .map((x) => x + 1)
    .addSink((x) => {
      sum += x;
    });
  await env.execute('chain');
  return sum;
}

function loop(records: number): number {
  let sum = 0;
  const double = (x: number): number => x * 2;
  const keep = (x: number): boolean => x % 3 !== 0;
  const increment = (x: number): number => x + 1;
  const sink = (x: number): void => {
    sum += x;
  };
  for (let i = 1; i <= records; i++) {
    const doubled = double(i);
    if (keep(doubled)) sink(increment(doubled));
  }
  return sum;
}
