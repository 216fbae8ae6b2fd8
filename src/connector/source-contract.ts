/**
 * What every bounded source must do, whatever it reads: all records come exactly once, in any batch size and parallelism,
 * and from a checkpoint taken behind any record exactly the rest comes, at whatever parallelism. Not covered: timestamps,
 * alignment, unbounded input.
 */
import { type ContractCase, expect, expectSame } from './contract-case.ts';
import type { Source, SourceSplit } from './source.ts';
import { SourceDriver, type SourceDriverOptions, type SourceSnapshot } from './source-driver.ts';

export interface SourceContractOptions<T, SplitT extends SourceSplit, CheckpointT> {
  /** Makes the source anew; each reads the same input. */
  readonly create: () => Source<T, SplitT, CheckpointT> | Promise<Source<T, SplitT, CheckpointT>>;
  /** All records, in the order in which one reader delivers them. */
  readonly expected: readonly T[];
  readonly driver?: () => Pick<SourceDriverOptions<SplitT, CheckpointT>, 'clock' | 'onIdle'>;
  /** How many of the boundaries between records are tried for a resume, spread evenly; all up to 40 by default. */
  readonly maxBoundaries?: number;
}

export function sourceContract<T, SplitT extends SourceSplit, CheckpointT>(
  options: SourceContractOptions<T, SplitT, CheckpointT>,
): ContractCase[] {
  const { expected } = options;
  const open = async (more: SourceDriverOptions<SplitT, CheckpointT> = {}): Promise<SourceDriver<T, SplitT, CheckpointT>> => {
    const driver = new SourceDriver(await options.create(), { ...options.driver?.(), ...more });
    await driver.start();
    return driver;
  };
  const sorted = (values: readonly T[]): string[] => values.map((value) => JSON.stringify(value) ?? String(value)).sort();

  const cases: ContractCase[] = [];
  for (const maxRecords of [1, 3, 10_000]) {
    cases.push({
      fact: `one reader delivers every record once and in order, in batches of ${maxRecords}`,
      async check() {
        const driver = await open();
        const values: T[] = [];
        const seenSplits = new Set<string>();
        const finished: string[] = [];
        await driver.run(maxRecords, (batch) => {
          values.push(...batch.values);
          if (batch.values.length > 0) {
            expect(batch.splitId !== '', 'a batch with records names no split.');
            expect(!finished.includes(batch.splitId), `records of split ${batch.splitId} follow its end.`);
            seenSplits.add(batch.splitId);
          }
          finished.push(...batch.finishedSplits);
        });
        expectSame(values, expected, 'records');
        expect(new Set(finished).size === finished.length, `a split ended twice: ${finished.join(', ')}.`);
        for (const split of seenSplits) expect(finished.includes(split), `the end of split ${split} was not reported.`);
        expect(driver.poll(10).status === 'END_OF_INPUT', 'a poll behind the end does not say END_OF_INPUT.');
        await driver.close();
      },
    });
  }
  cases.push({
    fact: 'three readers share the records among them',
    async check() {
      const driver = await open({ parallelism: 3 });
      expectSame(sorted(await driver.readAll(2)), sorted(expected), 'records of all readers');
      await driver.close();
    },
  });
  cases.push({
    fact: 'from a checkpoint behind any record exactly the rest follows',
    async check() {
      const step = Math.max(1, Math.ceil((expected.length + 1) / (options.maxBoundaries ?? 40)));
      for (let count = 0; count <= expected.length; count += step) {
        const first = await open();
        const before = count === 0 ? [] : await first.readSome(count, 1);
        const restoreFrom = first.snapshot();
        await first.close();
        for (const maxRecords of [1, 7]) {
          const second = await open({ restoreFrom });
          const after = await second.readAll(maxRecords);
          await second.close();
          expectSame([...before, ...after], expected, `records with a restart behind ${before.length}`);
        }
      }
    },
  });
  for (const parallelism of [1, 2, 3, 4]) {
    cases.push({
      fact: `from a checkpoint of ${parallelism} readers any number of readers goes on, again and again`,
      async check() {
        for (const next of [1, 2, 3, 4, 7]) {
          for (const part of [0, 0.3, 0.7, 1]) {
            const values: T[] = [];
            let restoreFrom: SourceSnapshot<SplitT, CheckpointT> | undefined;
            for (const readers of [parallelism, next, parallelism]) {
              const driver = await open({ parallelism: readers, ...(restoreFrom && { restoreFrom }) });
              const enough = values.length + part * (expected.length - values.length);
              await driver.run(
                2,
                (batch) => values.push(...batch.values),
                () => values.length >= enough,
              );
              restoreFrom = driver.snapshot();
              await driver.close();
            }
            const last = await open({ parallelism: next, ...(restoreFrom && { restoreFrom }) });
            values.push(...(await last.readAll(3)));
            await last.close();
            expectSame(sorted(values), sorted(expected), `records of ${parallelism} and ${next} readers`);
          }
        }
      },
    });
  }
  cases.push({
    fact: 'a reader that fails gives its splits back, and what it read since the checkpoint is read again',
    async check() {
      for (const parallelism of [1, 2, 3]) {
        for (const part of [0, 0.3, 0.7]) {
          const driver = await open({ parallelism });
          const values: T[] = [];
          const kept: T[] = [];
          await driver.run(
            1,
            (batch) => values.push(...batch.values),
            () => values.length >= part * expected.length,
          );
          const checkpoint = driver.snapshot();
          let since = 0;
          await driver.run(
            1,
            (batch, subtask) => {
              since += batch.values.length;
              if (subtask !== 0) kept.push(...batch.values);
            },
            () => since >= (expected.length - values.length) / 2,
          );
          await driver.failReader(0, checkpoint);
          kept.push(...(await driver.readAll(3)));
          expectSame(sorted([...values, ...kept]), sorted(expected), `records after one of ${parallelism} readers failed`);
          await driver.close();
        }
      }
    },
  });
  cases.push({
    fact: 'readers that say how much they expect to read have read just that in the end',
    async check() {
      const first = await open({ parallelism: 2 });
      await first.run(
        1,
        () => {},
        () => first.polledRecords >= expected.length / 2,
      );
      const restoreFrom = first.snapshot();
      await first.readAll();
      const second = await open({ parallelism: 3, restoreFrom });
      await second.readAll();
      for (const driver of [first, second]) {
        const [done, total] = [driver.gauge('progressDone'), driver.gauge('progressTotal')];
        expect(Object.is(done, total) || Math.abs(done - total) < 1e-6, `progress ends at ${done} of ${total}.`);
        await driver.close();
      }
    },
  });
  cases.push({
    fact: 'it can be closed in the middle, and before anything was read',
    async check() {
      const untouched = await open();
      await untouched.close();
      const driver = await open();
      if (expected.length > 0) await driver.readSome(1, 1);
      await driver.close();
    },
  });
  return cases;
}
