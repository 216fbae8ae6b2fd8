/** A running sum per key over a million keys, against a loop over a Map. */
import { StreamExecutionEnvironment } from 'millrace';
import { alternate, speedRatio } from './alternate.ts';
import type { Benchmark } from './benchmark.ts';

interface Payment {
  readonly account: number;
  readonly amount: number;
}

export const keyedSum: Benchmark = {
  name: 'keyed-sum',
  description: 'a running sum per key, 1 M number keys and 1 M text keys, against a loop over a Map',
  async run({ rounds, scale }) {
    const keys = Math.ceil(1_000_000 * scale);
    const records = keys * 4;
    const payments = Array.from({ length: records }, (_, i): Payment => ({ account: (i * 7919) % keys, amount: i % 10 }));
    const names = Array.from({ length: keys }, (_, i) => `account-${i.toString(36).padStart(28, '0')}`);
    const texts = payments.map((p) => ({ account: names[p.account] as string, amount: p.amount }));
    const numbers = await compare(payments, records, rounds);
    const strings = await compare(texts, records, rounds);
    return {
      name: 'keyed-sum',
      comparisons: { 'number keys': numbers, 'text keys (36 characters)': strings },
      figures: [
        { name: 'ratio', value: speedRatio(numbers, 'engine', 'loop'), target: { min: 0.7 } },
        { name: 'ratio (text keys)', value: speedRatio(strings, 'engine', 'loop'), target: { min: 0.7 } },
      ],
    };
  },
};

function compare<K>(payments: readonly { readonly account: K; readonly amount: number }[], units: number, rounds: number) {
  return alternate(
    [
      { name: 'engine', run: () => engine(payments) },
      { name: 'loop', run: () => loop(payments) },
    ],
    { units, rounds },
  );
}

async function engine<K>(payments: readonly { readonly account: K; readonly amount: number }[]): Promise<number> {
  let checksum = 0;
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  env
    .fromCollection(payments)
    .keyBy((p) => p.account)
    .reduce((a, b) => ({ account: a.account, amount: a.amount + b.amount }))
    .addSink((p) => {
      checksum = (checksum * 31 + p.amount) % 1_000_000_007;
    });
  await env.execute('keyed sum');
  return checksum;
}

function loop<K>(payments: readonly { readonly account: K; readonly amount: number }[]): number {
  let checksum = 0;
  const totals = new Map<K, { account: K; amount: number }>();
  const add = (a: { account: K; amount: number }, b: { readonly account: K; readonly amount: number }) => ({
    account: a.account,
    amount: a.amount + b.amount,
  });
  for (const payment of payments) {
    const known = totals.get(payment.account);
    const total = known === undefined ? payment : add(known, payment);
    totals.set(payment.account, total);
    checksum = (checksum * 31 + total.amount) % 1_000_000_007;
  }
  return checksum;
}
