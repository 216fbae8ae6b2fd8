import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError } from '../common/index.ts';
import type { Sink, SinkInitContext } from '../connector/index.ts';
import { OperatorHarness } from '../testing/index.ts';
import { type OperatorDefinition, sinkDefinition } from './index.ts';

/** A two-phase sink that shows what is asked of it, and can be held up or fail. */
class TracedSink implements Sink<string, string> {
  readonly name = 'traced';
  readonly calls: string[] = [];
  failCommit = false;
  gate: Promise<void> | undefined;
  #written: string[] = [];

  createWriter(context: SinkInitContext) {
    return this.#writer(`create ${context.subtaskIndex}`, 0);
  }

  restoreWriter(context: SinkInitContext, state: readonly unknown[]) {
    return this.#writer(`restore ${context.subtaskIndex} from ${state}`, Number(state[0]));
  }

  #writer(how: string, count: number) {
    this.calls.push(how);
    let total = count;
    return {
      write: (value: string) => {
        total++;
        this.#written.push(value);
      },
      flush: (endOfInput: boolean) => void this.calls.push(`flush ${endOfInput}`),
      prepareCommit: () => {
        const prepared = this.#written;
        this.#written = [];
        this.calls.push(`prepare ${prepared}`);
        return prepared;
      },
      snapshotState: () => [total],
      notifyCheckpointComplete: (id: number) => void this.calls.push(`complete ${id}`),
      close: () => void this.calls.push('close writer'),
    };
  }

  createCommitter() {
    return {
      commit: async (committables: readonly string[]) => {
        this.calls.push(`commit ${committables}`);
        await this.gate;
        if (this.failCommit) throw new Error('the network is gone');
        this.calls.push(`committed ${committables}`);
      },
      close: () => void this.calls.push('close committer'),
    };
  }

  take(): string[] {
    return this.calls.splice(0);
  }
}

const checkpointed = { checkpointingEnabled: true };
const write = (harness: OperatorHarness<string, never>, ...values: string[]): void => {
  for (const value of values) harness.processElement(value);
};

test('what is prepared before a barrier is committed when its checkpoint is complete', async () => {
  const sink = new TracedSink();
  const harness = await OperatorHarness.open<string, never>(sinkDefinition(sink), checkpointed);
  write(harness, 'a', 'b');
  await harness.snapshot();
  assert.deepEqual(sink.take(), ['create 0', 'flush false', 'prepare a,b']);
  write(harness, 'c');
  await harness.notifyCheckpointComplete();
  assert.deepEqual(sink.take(), ['commit a,b', 'committed a,b', 'complete 1']);
  await harness.snapshot();
  await harness.notifyCheckpointComplete();
  assert.deepEqual(sink.take(), ['flush false', 'prepare c', 'commit c', 'committed c', 'complete 2']);
  await harness.close();
  assert.deepEqual(sink.take(), ['close writer', 'close committer']);
});

test('a complete checkpoint commits what earlier ones that never were held, and nothing of later ones', async () => {
  const sink = new TracedSink();
  const operator = sinkDefinition(sink).create();
  const harness = await OperatorHarness.open<string, never>({ create: () => operator }, checkpointed);
  for (const value of ['a', 'b', 'c']) {
    write(harness, value);
    await harness.snapshot();
  }
  sink.take();
  await operator.notifyCheckpointComplete?.(2);
  assert.deepEqual(sink.take(), ['commit a,b', 'committed a,b', 'complete 2']);
  await operator.notifyCheckpointComplete?.(2);
  assert.deepEqual(sink.take(), ['complete 2']);
  await operator.notifyCheckpointComplete?.(3);
  assert.deepEqual(sink.take(), ['commit c', 'committed c', 'complete 3']);
  await harness.close();
});

test('with checkpoints the end of input commits nothing; the last checkpoint does', async () => {
  const sink = new TracedSink();
  const harness = await OperatorHarness.open<string, never>(sinkDefinition(sink), checkpointed);
  write(harness, 'a');
  await harness.finish();
  assert.deepEqual(sink.take(), ['create 0', 'flush true']);
  await harness.snapshot();
  await harness.notifyCheckpointComplete();
  assert.deepEqual(sink.take(), ['flush false', 'prepare a', 'commit a', 'committed a', 'complete 1']);
  await harness.close();
});

test('without checkpoints the end of input commits, what a savepoint prepared included', async () => {
  const sink = new TracedSink();
  const harness = await OperatorHarness.open<string, never>(sinkDefinition(sink));
  write(harness, 'a');
  await harness.snapshot();
  write(harness, 'b');
  sink.take();
  await harness.finish();
  assert.deepEqual(sink.take(), ['flush true', 'prepare b', 'commit a,b', 'committed a,b']);
  await harness.close();
});

test('after a restore the committables of the checkpoint are committed again, before the writer is made', async () => {
  const sink = new TracedSink();
  const first = await OperatorHarness.open<string, never>(sinkDefinition(sink), checkpointed);
  write(first, 'a', 'b', 'c');
  const one = await first.snapshot();
  write(first, 'd');
  const two = await first.snapshot();
  await first.close();
  sink.take();
  for (const [restored, expected] of [
    [one, ['commit a,b,c', 'committed a,b,c', 'restore 0 from 3']],
    [two, ['commit a,b,c,d', 'committed a,b,c,d', 'restore 0 from 4']],
  ] as const) {
    const again = await OperatorHarness.open<string, never>(sinkDefinition(sink), { ...checkpointed, restored: [restored] });
    assert.deepEqual(sink.take(), expected);
    const next = await again.snapshot();
    await again.close();
    sink.take();
    await (await OperatorHarness.open(sinkDefinition(sink), { ...checkpointed, restored: [next] })).close();
    assert.ok(!sink.take().some((call) => call.startsWith('commit')), 'what was committed at a restore is not kept');
  }
});

test('a rescale deals committables out: each is committed by one subtask', async () => {
  const sink = new TracedSink();
  const states = [];
  for (const subtaskIndex of [0, 1]) {
    const options = { ...checkpointed, parallelism: 2, subtaskIndex };
    const harness = await OperatorHarness.open<string, never>(sinkDefinition(sink), options);
    write(harness, `a${subtaskIndex}`, `b${subtaskIndex}`);
    states.push(await harness.snapshot());
    await harness.close();
  }
  for (const parallelism of [1, 3]) {
    sink.take();
    for (let subtaskIndex = 0; subtaskIndex < parallelism; subtaskIndex++) {
      const options = { ...checkpointed, parallelism, subtaskIndex, restored: states };
      await (await OperatorHarness.open(sinkDefinition(sink), options)).close();
    }
    const committed = sink.take().filter((call) => call.startsWith('committed'));
    const values = committed.flatMap((call) => call.slice('committed '.length).split(','));
    assert.deepEqual(values.sort(), ['a0', 'a1', 'b0', 'b1']);
  }
});

test('a commit that fails says where, can be tried again by a restart, and keeps its committables', async () => {
  const sink = new TracedSink();
  const harness = await OperatorHarness.open<string, never>(sinkDefinition(sink), checkpointed);
  write(harness, 'a');
  await harness.snapshot();
  sink.failCommit = true;
  await assert.rejects(harness.notifyCheckpointComplete(), (error) => {
    assert.ok(error instanceof MillraceError && error.recoverable);
    return /the network is gone/.test(error.message);
  });
  await harness.close();
  assert.ok(!sink.take().includes('committed a'));
});

test('commits follow each other, and closing waits for the one under way', async () => {
  const sink = new TracedSink();
  const gate = Promise.withResolvers<void>();
  sink.gate = gate.promise;
  const harness = await OperatorHarness.open<string, never>(sinkDefinition(sink), checkpointed);
  write(harness, 'a');
  await harness.snapshot();
  const first = harness.notifyCheckpointComplete();
  write(harness, 'b');
  await harness.snapshot();
  const second = harness.notifyCheckpointComplete();
  const closed = harness.close();
  await harness.settle();
  const calls = sink.take();
  assert.ok(calls.includes('commit a') && calls.includes('prepare b'));
  assert.ok(!calls.some((call) => call === 'commit b' || call.startsWith('close')), calls.join());
  gate.resolve();
  await Promise.all([first, second, closed]);
  assert.deepEqual(sink.take(), ['committed a', 'close writer', 'close committer']);
});

test('a sink that commits nothing refuses a checkpoint that holds output of one that does', async () => {
  const harness = await OperatorHarness.open<string, never>(sinkDefinition(new TracedSink()), checkpointed);
  write(harness, 'a');
  const state = await harness.snapshot();
  await harness.close();
  const plain = sinkDefinition<string>({ name: 'plain', createWriter: () => ({ write() {}, flush() {}, close() {} }) });
  await assert.rejects(OperatorHarness.open(plain, { restored: [state] }), { code: 'STATE_FAILED', message: /another sink/ });
});

test('the definition of a sink carries its receiver', () => {
  const received: unknown[] = [];
  const plain: Sink<string> = { name: 'plain', createWriter: () => ({ write() {}, flush() {}, close() {} }) };
  const definition: OperatorDefinition = sinkDefinition({ ...plain, receive: (event) => void received.push(event) });
  definition.receiver?.('event');
  assert.deepEqual(received, ['event']);
  assert.equal(sinkDefinition(plain).receiver, undefined);
});
