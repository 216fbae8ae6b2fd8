import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type InputStatus, RecordBatch, type Source, type SourceReader, type SourceSplit } from '../connector/index.ts';
import { type HarnessOptions, OperatorHarness } from '../testing/index.ts';
import { MAX_WATERMARK, SourceOperator, WatermarkStrategy } from './index.ts';

interface TestSplit extends SourceSplit {
  readonly position: number;
}

/** Delivers what the test tells it to, and notes what it is told. */
class TestReader implements SourceReader<number, TestSplit> {
  readonly told: string[] = [];
  splits = new Map<string, number>();
  next: { split: string; values: number[]; ends?: boolean } | undefined;

  start(): void {
    this.told.push('start');
  }

  pollBatch(batch: RecordBatch<number>): InputStatus {
    const { next } = this;
    if (next === undefined) return 'NOTHING_AVAILABLE';
    this.next = undefined;
    batch.splitId = next.split;
    for (const value of next.values) batch.push(value, value);
    this.splits.set(next.split, (this.splits.get(next.split) ?? 0) + next.values.length);
    if (next.ends) {
      this.splits.delete(next.split);
      batch.addFinishedSplit(next.split);
    }
    return 'NOTHING_AVAILABLE';
  }

  async isAvailable(): Promise<void> {}

  addSplits(splits: readonly TestSplit[]): void {
    for (const { splitId, position } of splits) this.splits.set(splitId, position);
    this.told.push(`add ${splits.map(({ splitId, position }) => `${splitId}@${position}`)}`);
  }

  notifyNoMoreSplits(): void {
    this.told.push('no more splits');
  }

  snapshotState(): TestSplit[] {
    return [...this.splits].map(([splitId, position]) => ({ splitId, position }));
  }

  notifyCheckpointComplete(checkpointId: number): void {
    this.told.push(`complete ${checkpointId}`);
  }

  notifyCheckpointAborted(checkpointId: number): void {
    this.told.push(`aborted ${checkpointId}`);
  }

  close(): void {}
}

const increasing = WatermarkStrategy.forMonotonousTimestamps<number>();

async function open(options: HarnessOptions = {}, strategy = increasing) {
  const reader = new TestReader();
  const source: Source<number, TestSplit> = {
    name: 'test',
    boundedness: 'CONTINUOUS_UNBOUNDED',
    createEnumerator: () => assert.fail(),
    restoreEnumerator: () => assert.fail(),
    createReader: () => reader,
  };
  const operator = new SourceOperator<number>(source as Source<number>, strategy);
  const harness = await OperatorHarness.open<number, number>({ create: () => operator, source }, options);
  const batch = new RecordBatch<number>();
  const read = (split: string, values: number[], ends = false): void => {
    reader.next = { split, values, ends };
    operator.poll(batch, 100);
    harness.processBatch(batch.values.slice(0, batch.length).map((value) => ({ value, timestamp: value })));
    operator.batchDone(batch);
  };
  const add = (...splitIds: string[]): void =>
    operator.handleCoordinatorEvent({ type: 'ADD_SPLITS', splits: splitIds.map((splitId) => ({ splitId, position: 0 })) });
  /** Lets the generators speak; what came out, records left out. */
  const events = (): unknown[] => {
    harness.advanceProcessingTime(harness.clock.currentTimeMs() + 200);
    return harness.takeOutput().filter((o) => !('value' in o));
  };
  return { reader, operator, harness, read, add, events };
}

test('splits go into a checkpoint with their positions, and come back before the reader starts', async () => {
  const first = await open();
  first.add('a', 'b');
  first.read('a', [1, 2]);
  const state = await first.harness.snapshot();
  const second = await open({ restored: [state] });
  assert.deepEqual(second.reader.told, ['add a@2,b@0', 'start']);
  await first.harness.close();
  await second.harness.close();
});

test('a rescale deals splits out, each with its watermark', async () => {
  const first = await open();
  first.add('a', 'b', 'c');
  first.read('a', [100]);
  first.read('b', [50]);
  first.read('c', [70]);
  assert.deepEqual(first.events(), [{ watermark: 49 }]);
  const state = await first.harness.snapshot();
  await first.harness.close();
  const told = [];
  for (const subtaskIndex of [0, 1]) {
    const second = await open({ restored: [state], parallelism: 2, subtaskIndex });
    told.push(second.reader.told[0]);
    assert.deepEqual(second.events(), [{ idle: false }], 'no later time is known');
    const [own] = [...second.reader.splits.keys()];
    second.read(own as string, [10]);
    assert.deepEqual(second.events(), [], 'a record from before the watermark does not set it back');
    second.read(own as string, [200]);
    assert.deepEqual(second.events(), [{ watermark: subtaskIndex === 0 ? 69 : 199 }]);
    await second.harness.close();
  }
  assert.deepEqual(told, ['add a@1,c@1', 'add b@1']);
});

test('what was idle is idle after a restore, until it has a record', async () => {
  const strategy = increasing.withIdleness(500);
  const first = await open({}, strategy);
  first.add('a');
  first.read('a', [100]);
  const before = [];
  for (let i = 0; i < 4; i++) before.push(...first.events());
  assert.deepEqual(before, [{ watermark: 99 }, { idle: true }]);
  const state = await first.harness.snapshot();
  await first.harness.close();
  const second = await open({ restored: [state] }, strategy);
  assert.deepEqual(second.events(), [{ idle: true }]);
  second.read('a', [100]);
  assert.deepEqual(second.harness.takeOutput().slice(-2), [{ idle: false }, { watermark: 99 }]);
  await second.harness.close();
});

test('a reader that was restored without a split says that it is active when it gets one', async () => {
  const strategy = increasing.withIdleness(500);
  const first = await open({}, strategy);
  const state = await first.harness.snapshot();
  await first.harness.close();
  const second = await open({ restored: [state] }, strategy);
  assert.deepEqual(second.events(), []);
  second.add('a');
  assert.deepEqual(second.events(), [{ idle: false }]);
  await second.harness.close();
});

test('a split that is assigned behind the trigger of a checkpoint is not in it', async () => {
  const { harness, operator, add, reader } = await open();
  add('a');
  operator.checkpointTriggered(1);
  add('b');
  const one = await harness.snapshot();
  assert.deepEqual([...reader.splits.keys()], ['a', 'b']);
  const two = await harness.snapshot();
  await harness.close();
  for (const [state, expected] of [
    [one, 'add a@0'],
    [two, 'add a@0,b@0'],
  ] as const) {
    const again = await open({ restored: [state] });
    assert.equal(again.reader.told[0], expected);
    await again.harness.close();
  }
});

test('an aborted checkpoint leaves nothing fixed for the next one', async () => {
  const { harness, operator, add, reader } = await open();
  operator.checkpointTriggered(1);
  await operator.notifyCheckpointAborted(1);
  add('a');
  const state = await harness.snapshot();
  await operator.notifyCheckpointComplete(1);
  assert.deepEqual(reader.told, ['start', 'aborted 1', 'add a@0', 'complete 1']);
  await harness.close();
  const again = await open({ restored: [state] });
  assert.equal(again.reader.told[0], 'add a@0');
  await again.harness.close();
});

test('event time stands still after a stop, and goes on after a resume', async () => {
  const { harness, operator, read, add, events } = await open();
  add('a');
  read('a', [10]);
  operator.stop(false);
  assert.deepEqual(events(), []);
  operator.resume();
  assert.deepEqual(events(), [{ watermark: 9 }]);
  await harness.close();
});

test('a stop that drains closes event time', async () => {
  const { harness, operator, read, add, events } = await open();
  add('a');
  read('a', [10]);
  operator.stop(true);
  assert.deepEqual(events(), [{ watermark: 9 }, { watermark: MAX_WATERMARK }]);
  assert.deepEqual(events(), []);
  await harness.close();
});

test('a reader without splits becomes idle, and active with its first one', async () => {
  const { harness, read, add, events } = await open({}, increasing.withIdleness(1000));
  for (let i = 0; i < 4; i++) assert.deepEqual(events(), []);
  assert.deepEqual(events(), [{ idle: true }]);
  add('a');
  assert.deepEqual(events(), [{ idle: false }]);
  read('a', [10]);
  assert.deepEqual(events(), [{ watermark: 9 }]);
  read('a', [20], true);
  assert.deepEqual(events(), [{ watermark: 19 }], 'the split ended with what it knew');
  for (let i = 0; i < 3; i++) assert.deepEqual(events(), []);
  assert.deepEqual(events(), [{ idle: true }]);
  await harness.close();
});

test('a reader without splits that may wait for ever is never idle unless the strategy says so', async () => {
  const { harness, events } = await open();
  for (let i = 0; i < 100; i++) assert.deepEqual(events(), []);
  await harness.close();
});
