import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError, seededRandom, silentLogger } from '../common/index.ts';
import { MetricRegistry } from '../metrics/index.ts';
import {
  type CheckpointOutput,
  createKeyedStateBackend,
  createOperatorStateBackend,
  type KeyedStateBackend,
  type KeyGroupRange,
  type ListState,
  ListStateDescriptor,
  ValueStateDescriptor,
} from '../state/index.ts';
import {
  memoryCheckpointInput,
  memoryCheckpointOutput,
  OperatorHarness,
  ParallelHarness,
  VirtualClock,
} from '../testing/index.ts';
import type { FunctionInitializationContext, FunctionSnapshotContext } from './checkpointed-function.ts';
import type { Collector, KeyedProcessContext, RichFunction } from './functions.ts';
import { FlatMapOperator, MapOperator } from './map-operators.ts';
import type { OperatorContext, OperatorDefinition, StreamOperator } from './operator.ts';
import { OperatorHost } from './operator-host.ts';
import type { OperatorStateHandles } from './operator-snapshot.ts';
import { KeyedProcessOperator } from './process-operators.ts';

/** Keeps records in fields until there are two, as a sink that writes batches does. */
class Batching implements RichFunction {
  readonly log: string[] = [];
  private batch: number[] = [];
  private stored!: ListState<number>;
  private all!: ListState<number>;

  initializeState({ isRestored, operatorStateStore }: FunctionInitializationContext): void {
    this.log.push(isRestored ? 'restored' : 'fresh');
    this.stored = operatorStateStore.getListState(new ListStateDescriptor<number>('batch'));
    this.all = operatorStateStore.getUnionListState(new ListStateDescriptor<number>('largest'));
    this.batch = [...this.stored.get()];
  }

  open(): void {
    this.log.push('open');
  }

  flatMap(value: number, out: Collector<unknown>): void {
    this.batch.push(value);
    if (value < 0) out.collect({ batch: this.batch, all: [...this.all.get()] });
  }

  snapshotState({ checkpointId }: FunctionSnapshotContext): void {
    this.log.push(`snapshot ${checkpointId}`);
    this.stored.update(this.batch);
    this.all.update([Math.max(...this.batch)]);
  }

  notifyCheckpointComplete(checkpointId: number): void {
    this.log.push(`complete ${checkpointId}`);
  }

  notifyCheckpointAborted(checkpointId: number): void {
    this.log.push(`aborted ${checkpointId}`);
  }
}

const definitionOf = (create: () => StreamOperator, keyed = false): OperatorDefinition => ({
  create,
  ...(keyed ? { keySelectors: [(key: unknown) => key] } : {}),
});

test('a function puts its fields into operator state, and hears of the checkpoint', async () => {
  const fn = new Batching();
  const harness = await OperatorHarness.open<number, unknown>(definitionOf(() => new FlatMapOperator(fn)));
  harness.processElement(3);
  const snapshot = await harness.snapshot();
  await harness.notifyCheckpointComplete();
  await harness.snapshot();
  await harness.notifyCheckpointAborted();
  assert.deepEqual(fn.log, ['fresh', 'open', 'snapshot 1', 'complete 1', 'snapshot 2', 'aborted 2']);
  const next = new Batching();
  const second = await OperatorHarness.open<number, unknown>(
    definitionOf(() => new FlatMapOperator(next)),
    { restored: [snapshot] },
  );
  second.processElement(-1);
  assert.deepEqual(second.takeValues(), [{ batch: [3, -1], all: [3] }]);
  assert.deepEqual(next.log, ['restored', 'open']);
});

test('list state is dealt out to the new subtasks, and union state is given to each', async () => {
  const harness = await ParallelHarness.open<number, any>(
    definitionOf(() => new FlatMapOperator(new Batching())),
    { parallelism: 3 },
  );
  for (const value of [1, 2, 3, 4, 5, 6, 7]) harness.processElement(value);
  for (const parallelism of [2, 5]) {
    await harness.rescale(parallelism);
    for (let i = 0; i < parallelism; i++) harness.processElement(-1);
    const batches = harness.takeValues();
    assert.equal(batches.length, parallelism);
    assert.deepEqual(
      batches
        .flatMap(({ batch }) => batch)
        .filter((value: number) => value > 0)
        .sort(),
      [1, 2, 3, 4, 5, 6, 7],
    );
    for (const { all } of batches) assert.ok(all.includes(7), 'every subtask sees the largest of all');
  }
  await harness.close();
});

test('at the same parallelism, each subtask has its own list state again', async () => {
  const harness = await ParallelHarness.open<number, any>(
    definitionOf(() => new FlatMapOperator(new Batching())),
    { parallelism: 2 },
  );
  for (const value of [1, 2, 3, 4]) harness.processElement(value);
  await harness.rescale(2);
  harness.processElement(-1);
  harness.processElement(-1);
  assert.deepEqual(
    harness.takeValues().map(({ batch }) => batch),
    [
      [1, 3, -1],
      [2, 4, -1],
    ],
  );
  await harness.close();
});

test('snapshotState that returns a promise is refused', async () => {
  const fn = { map: (value: number) => value, snapshotState: async () => {} };
  const harness = await OperatorHarness.open<number, number>(definitionOf(() => new MapOperator(fn)));
  await assert.rejects(harness.snapshot(), { code: 'INVALID_PROGRAM', message: /Operator 'operator' failed in snapshot/ });
  await harness.close();
});

test('what fails in a snapshot, a restore or a commit names its operator', async () => {
  const fail = (): never => {
    throw new Error('out of luck');
  };
  const failing = {
    map: (value: number) => value,
    snapshotState: fail,
    notifyCheckpointComplete: fail,
    notifyCheckpointAborted: fail,
  };
  const harness = await OperatorHarness.open<number, number>(definitionOf(() => new MapOperator(failing)));
  await assert.rejects(harness.snapshot(), {
    code: 'USER_FUNCTION_FAILED',
    message: /'operator' failed in snapshot: out of luck/,
  });
  await assert.rejects(harness.notifyCheckpointComplete(), { message: /failed in notifyCheckpointComplete: out of luck/ });
  await assert.rejects(harness.notifyCheckpointAborted(), { message: /failed in notifyCheckpointAborted: out of luck/ });
  await harness.close();
  const damaged = { operator: { kind: 'INLINE', bytes: new Uint8Array(0) }, watermark: 0 } as const;
  const restored = OperatorHarness.open(
    definitionOf(() => new MapOperator((value: number) => value)),
    { restored: [damaged] },
  );
  await assert.rejects(restored, { code: 'CORRUPT_DATA', message: /'operator' failed in restore/ });
});

/** Counts, by key. */
class Count implements StreamOperator<string, number> {
  private context!: OperatorContext<number>;
  open(context: OperatorContext<number>): void {
    this.context = context;
  }
  processElement(_value: string, timestamp: number): void {
    const state = this.context.keyedState.getPartitionedState(new ValueStateDescriptor<number>('count'));
    state.update((state.value() ?? 0) + 1);
    this.context.output.collect(state.value() as number, timestamp);
  }
}

/** Has operator state besides. */
class CountAndRemember extends Count {
  override open(context: OperatorContext<number>): void {
    super.open(context);
    context.operatorState.getListState(new ListStateDescriptor<string>('remembered')).add('opened');
  }
}

test('keyed state of an operator whose input is not keyed any more is refused', async () => {
  const harness = await OperatorHarness.open<string, number>(definitionOf(() => new Count(), true));
  harness.processElement('a');
  const restored = [await harness.snapshot()];
  await assert.rejects(
    OperatorHarness.open(
      definitionOf(() => new Count()),
      { restored },
    ),
    {
      code: 'STATE_FAILED',
      message: /not keyed any more/,
    },
  );
  await harness.close();
});

test('timers that nobody asks for stay in the snapshots, each with the subtask of its key', async () => {
  const withTimers = definitionOf(
    () =>
      new KeyedProcessOperator<string, string, string>({
        processElement: (_value, context: KeyedProcessContext<string>) => context.timerService.registerEventTimeTimer(10),
        onTimer: (_timestamp, context, out) => out.collect(context.getCurrentKey()),
      }),
    true,
  );
  const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`).sort();
  const first = await ParallelHarness.open<string, string>(withTimers, { parallelism: 2 });
  for (const key of keys) first.processElement(key, 1);
  let restored = await first.snapshot();
  await first.close();
  const without = await ParallelHarness.open<string, number>(
    definitionOf(() => new Count(), true),
    { parallelism: 3, restored },
  );
  without.processWatermark(20);
  restored = await without.snapshot();
  await without.close();
  const last = await ParallelHarness.open<string, string>(withTimers, { parallelism: 4, restored });
  last.processWatermark(30);
  assert.deepEqual(last.takeValues().sort(), keys);
  await last.close();
});

test('a restored operator is at the watermark of its snapshot, and hears of later ones only', async () => {
  const seen: number[] = [];
  const definition = definitionOf(() => ({
    open: (context) => void seen.push(context.currentWatermark()),
    processElement() {},
    processWatermark: (timestamp) => void seen.push(timestamp),
  }));
  const first = await OperatorHarness.open(definition);
  first.processWatermark(50);
  const snapshot = await first.snapshot();
  await first.close();
  const second = await OperatorHarness.open(definition, { restored: [snapshot, { ...snapshot, watermark: 40 }] });
  for (const watermark of [30, 40, 41]) second.processWatermark(watermark);
  assert.deepEqual(seen, [Number.NEGATIVE_INFINITY, 50, 40, 41]);
  assert.deepEqual(await second.snapshot().then(({ watermark }) => watermark), 41);
  await second.close();
});

test('a job that was drained goes on without a watermark', async () => {
  const seen: number[] = [];
  const definition = definitionOf(
    () => ({ open: (context) => void seen.push(context.currentWatermark()), processElement() {} }),
    true,
  );
  const first = await OperatorHarness.open(definition);
  await first.finish();
  const restored = [await first.snapshot()];
  const second = await OperatorHarness.open(definition, { restored });
  assert.deepEqual(seen, [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  await second.close();
});

/** Fails with stream number `failAt`, counting from 0. */
function failingOutput(failAt: number): CheckpointOutput {
  let streams = 0;
  return {
    createStream: (scope) => {
      if (streams++ === failAt) throw new MillraceError('FILE_SYSTEM_FAILED', 'The disk is full.');
      return memoryCheckpointOutput.createStream(scope);
    },
  };
}

async function openCount(
  onDiscard: () => void,
  restored?: OperatorStateHandles,
  operator: StreamOperator = new Count(),
): Promise<OperatorHost> {
  const clock = new VirtualClock();
  const createBackend = (keyGroupRange: KeyGroupRange): KeyedStateBackend => {
    const backend = createKeyedStateBackend({ clock, maxParallelism: 8, keyGroupRange });
    const startSnapshot = backend.startSnapshot.bind(backend);
    backend.startSnapshot = (request) => ({ ...startSnapshot(request), discard: onDiscard });
    return backend;
  };
  const host = new OperatorHost(
    definitionOf(() => operator, true),
    {
      jobName: 'job',
      taskName: 'task',
      operatorName: 'count',
      operatorId: 'count',
      subtaskIndex: 0,
      parallelism: 1,
      maxParallelism: 8,
      attemptNumber: 0,
      autoWatermarkIntervalMs: 200,
    },
    {
      clock,
      random: seededRandom(1),
      logger: silentLogger,
      metrics: new MetricRegistry(clock).group('count'),
      mailbox: { execute: (mail) => mail() },
      accumulators: new Map(),
      createKeyedStateBackend: createBackend,
      createOperatorStateBackend,
      sendToCoordinator: () => {},
    },
  );
  if (restored) {
    const { keyed, timers, operator: operatorState, watermark } = restored;
    assert.ok(keyed && timers);
    assert.equal(operatorState, undefined, 'an operator that has no operator state leaves none');
    const handles = { keyed: [keyed], timers: [timers], operator: [], watermark, oldParallelism: 1 };
    await host.restore(handles, memoryCheckpointInput);
  }
  await host.open();
  return host;
}

test('a snapshot that cannot be written lets go of what was not written', async () => {
  for (const [failAt, discards] of [
    [0, 1],
    [1, 1],
    // The keyed state itself fails: cleaning up is its own affair.
    [2, 0],
  ] as const) {
    let discarded = 0;
    const host = await openCount(() => void discarded++, undefined, new CountAndRemember());
    const pending = host.startSnapshot(1, { canonical: false });
    await assert.rejects(pending.write(failingOutput(failAt)), {
      code: 'FILE_SYSTEM_FAILED',
      message: /Operator 'count' failed/,
    });
    assert.equal(discarded, discards);
    await host.close();
  }
  let discarded = 0;
  const host = await openCount(() => void discarded++);
  host.startSnapshot(1, { canonical: true }).discard();
  assert.equal(discarded, 1);
  await host.close();
});

test('what changes after the start of a snapshot does not show in it', async () => {
  const host = await openCount(() => {});
  const emitted: number[] = [];
  host.output.collect = (value) => void emitted.push(value);
  const count = (target: OperatorHost): void => {
    target.keyedState?.setCurrentKey('a');
    target.operator.processElement?.('a', 0);
  };
  count(host);
  const pending = host.startSnapshot(1, { canonical: false });
  count(host);
  const handles = await pending.write(memoryCheckpointOutput);
  await host.close();
  const restored = await openCount(() => {}, handles);
  restored.output.collect = (value) => void emitted.push(value);
  count(restored);
  assert.deepEqual(emitted, [1, 2, 2]);
  await restored.close();
});
