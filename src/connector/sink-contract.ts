/**
 * What every sink must do: all that was written is there at the end, in order for one writer, and for a two-phase sink
 * nothing is visible before the commit, which may come again, and nothing ever without it.
 */
import { type ContractCase, expectSame } from './contract-case.ts';
import type { Sink } from './sink.ts';
import { SinkDriver, type SinkDriverOptions } from './sink-driver.ts';

export interface SinkUnderTest<T, CommittableT> {
  readonly sink: Sink<T, CommittableT>;
  /** What the outside can see now, in the order of writing. */
  read(): readonly T[] | Promise<readonly T[]>;
  dispose?(): void | Promise<void>;
}

export interface SinkContractOptions<T, CommittableT> {
  readonly create: () => SinkUnderTest<T, CommittableT> | Promise<SinkUnderTest<T, CommittableT>>;
  readonly values: readonly T[];
  readonly driver?: SinkDriverOptions;
}

export function sinkContract<T, CommittableT>(options: SinkContractOptions<T, CommittableT>): ContractCase[] {
  const { values } = options;
  const within = async (
    body: (driver: SinkDriver<T, CommittableT>, under: SinkUnderTest<T, CommittableT>) => Promise<void>,
  ): Promise<void> => {
    const under = await options.create();
    const driver = new SinkDriver(under.sink, options.driver);
    try {
      await body(driver, under);
    } finally {
      await driver.close();
      await under.dispose?.();
    }
  };
  return [
    {
      fact: 'what was written is there at the end, in order',
      check: () =>
        within(async (driver, under) => {
          await driver.runAll(values);
          expectSame(await under.read(), values, 'written values');
        }),
    },
    {
      fact: 'no input gives no output',
      check: () =>
        within(async (driver, under) => {
          await driver.runAll([]);
          expectSame(await under.read(), [], 'written values');
        }),
    },
    {
      fact: 'values written before and after a flush in the middle are all there',
      check: () =>
        within(async (driver, under) => {
          const half = values.length >> 1;
          await driver.start();
          await driver.write(values.slice(0, half));
          await driver.commit(await driver.prepareCommit(false));
          await driver.write(values.slice(half));
          await driver.commit(await driver.prepareCommit());
          expectSame(await under.read(), values, 'written values');
        }),
    },
    {
      fact: 'a two-phase sink shows nothing before the commit, and a repeated commit changes nothing',
      check: () =>
        within(async (driver, under) => {
          if (under.sink.createCommitter === undefined) return;
          await driver.start();
          await driver.write(values);
          const committables = await driver.prepareCommit();
          expectSame(await under.read(), [], 'visible before the commit');
          await driver.commit(committables);
          await driver.commit(committables);
          expectSame(await under.read(), values, 'visible after the commit');
        }),
    },
    {
      fact: 'a two-phase sink that is closed without a commit shows nothing',
      check: () =>
        within(async (driver, under) => {
          if (under.sink.createCommitter === undefined) return;
          await driver.start();
          await driver.write(values);
          await driver.writer.flush(false);
          await driver.close();
          expectSame(await under.read(), [], 'visible after close');
        }),
    },
  ];
}
