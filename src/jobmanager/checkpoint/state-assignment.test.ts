import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { VertexId } from '../../common/index.ts';
import type { JobVertex, Partitioner } from '../../graph/index.ts';
import type {
  CompletedCheckpoint,
  InputTime,
  OperatorCheckpoint,
  OperatorSubtaskState,
  TaskRestore,
} from '../../protocol/index.ts';
import { type KeyedStateHandle, keyGroupRange, type StateHandle } from '../../state/index.ts';
import type { CheckpointedVertex, VertexInput } from './checkpointed-vertex.ts';
import { assignState, type StateAssignment } from './state-assignment.ts';

const MAX_PARALLELISM = 8;

function handle(text: string): StateHandle {
  return { kind: 'INLINE', bytes: new TextEncoder().encode(text) };
}

function textOf(of: StateHandle): string {
  assert.ok(of.kind === 'INLINE');
  return new TextDecoder().decode(of.bytes);
}

function keyed(parallelism: number, subtask: number): KeyedStateHandle {
  const range = keyGroupRange(parallelism, MAX_PARALLELISM, subtask);
  const keyGroups = [{ keyGroup: range.start, offset: 0, length: 1, crc32: 0 }];
  const content = handle(`keys of ${subtask}`);
  return { format: 'KEY_GROUPS', maxParallelism: MAX_PARALLELISM, keyGroupRange: range, states: [], keyGroups, content };
}

function operatorCheckpoint(
  name: string,
  subtasks: readonly Partial<OperatorSubtaskState>[],
  more: Partial<OperatorCheckpoint> = {},
): OperatorCheckpoint {
  return {
    operatorId: `${name}-id`,
    uid: name,
    name: `The ${name}`,
    parallelism: subtasks.length,
    maxParallelism: MAX_PARALLELISM,
    subtasks: subtasks.map((s) => ({ watermark: 0, ...s })),
    ...more,
  };
}

function checkpointOf(...operators: readonly OperatorCheckpoint[]): CompletedCheckpoint {
  return {
    checkpointId: 7,
    kind: 'CHECKPOINT',
    jobId: 'a'.repeat(32),
    jobName: 'job',
    triggerTimestampMs: 0,
    completedTimestampMs: 1,
    operators,
    externalPath: '/checkpoints/chk-7',
    stateBytes: 0,
  };
}

function vertexOf(names: readonly string[], parallelism: number, ...partitioners: readonly Partitioner[]): CheckpointedVertex {
  const vertex: JobVertex = {
    id: names.join('+') as VertexId,
    name: names.join(' -> '),
    parallelism,
    maxParallelism: MAX_PARALLELISM,
    slotSharingGroup: 'default',
    operators: names.map((name, node) => ({
      node,
      operatorId: `${name}-id` as never,
      uid: name,
      kind: 'OPERATOR',
      operatorType: name,
      name: `The ${name}`,
      keyed: false,
      inputCount: 1,
    })),
    chainEdges: [],
  };
  const inputs = partitioners.map((partitioner) => ({
    source: 'elsewhere' as VertexId,
    operatorId: 'elsewhere-id',
    input: 0,
    partitioner,
  }));
  return { vertex, parallelism, inputs };
}

function inputOf({ vertex }: CheckpointedVertex, partitioner: Partitioner): VertexInput {
  return { source: vertex.id, operatorId: vertex.operators.at(-1)?.operatorId as string, input: 0, partitioner };
}

/** What subtask `i` of 'count' knew of its channels from all of `producers` sources. */
function timeAt(emitted: number, producers: number, edge = 0): InputTime {
  return {
    emitted,
    idle: false,
    channels: Array.from({ length: producers }, (_, producerSubtask) => ({
      edge,
      producerSubtask,
      watermark: emitted,
      idle: false,
      ended: false,
    })),
  };
}

function assign(checkpoint: CompletedCheckpoint, ...vertices: readonly CheckpointedVertex[]): StateAssignment {
  return assignState(checkpoint, vertices, { allowNonRestoredState: false });
}

function tasksOf(assignment: StateAssignment, vertex: CheckpointedVertex): readonly TaskRestore[] {
  return assignment.tasks.get(vertex.vertex.id) ?? [];
}

const refusal = (message: RegExp) => ({ code: 'STATE_FAILED', recoverable: false, message });

describe('state assignment', () => {
  it('at the same parallelism gives each subtask its own', () => {
    const checkpoint = checkpointOf(
      operatorCheckpoint('count', [
        { keyed: keyed(2, 0), timers: handle('timers 0'), watermark: 10 },
        { keyed: keyed(2, 1), timers: handle('timers 1'), watermark: 20 },
      ]),
    );
    const vertex = vertexOf(['count'], 2, 'HASH');
    const restored = tasksOf(assign(checkpoint, vertex), vertex).map((t) => t.operators['count-id']);
    assert.deepEqual(
      restored.map((r) => [r?.keyed.map((k) => k.keyGroupRange), r?.timers.map(textOf), r?.watermark, r?.oldParallelism]),
      [
        [[{ start: 0, end: 3 }], ['timers 0'], 10, 2],
        [[{ start: 4, end: 7 }], ['timers 1'], 20, 2],
      ],
    );
    assert.equal(tasksOf(assign(checkpoint, vertex), vertex)[0]?.checkpointId, 7);
  });

  it('at another parallelism gives keyed state and timers to those who own their key groups', () => {
    const old = (parallelism: number): CompletedCheckpoint =>
      checkpointOf(
        operatorCheckpoint(
          'count',
          Array.from({ length: parallelism }, (_, i) => ({
            keyed: keyed(parallelism, i),
            timers: handle(`${i}`),
            watermark: 10 * (i + 1),
          })),
        ),
      );
    const sharesAt = (oldParallelism: number, parallelism: number): unknown[] => {
      const vertex = vertexOf(['count'], parallelism, 'HASH');
      return tasksOf(assign(old(oldParallelism), vertex), vertex).map((task) => {
        const restore = task.operators['count-id'];
        assert.equal(restore?.watermark, 10);
        assert.deepEqual(
          restore.keyed.map((k) => k.format === 'KEY_GROUPS' && textOf(k.content)),
          restore.timers.map((t) => `keys of ${textOf(t)}`),
        );
        return restore.timers.map(textOf).join();
      });
    };
    assert.deepEqual(sharesAt(2, 4), ['0', '0', '1', '1']);
    assert.deepEqual(sharesAt(4, 2), ['0,1', '2,3']);
    assert.deepEqual(sharesAt(3, 2), ['0,1', '1,2']);
    assert.deepEqual(sharesAt(1, 8), ['0', '0', '0', '0', '0', '0', '0', '0']);
  });

  it('gives the operator state of all to everyone, in order, and enumerators what they wrote', () => {
    const checkpoint = checkpointOf(
      operatorCheckpoint('source', [{ operator: handle('a') }, {}, { operator: handle('c') }], { coordinator: handle('splits') }),
    );
    const vertex = vertexOf(['source'], 2);
    const assignment = assign(checkpoint, vertex);
    for (const task of tasksOf(assignment, vertex)) {
      assert.deepEqual(task.operators['source-id']?.operator.map(textOf), ['a', 'c']);
    }
    assert.deepEqual(
      [...assignment.coordinators].map(([id, h]) => [id, textOf(h)]),
      [['source-id', 'splits']],
    );
  });

  it('matches operators by their id, in whatever chain they are', () => {
    const checkpoint = checkpointOf(
      operatorCheckpoint('a', [{ operator: handle('of a') }]),
      operatorCheckpoint('b', [{ operator: handle('of b') }]),
    );
    const [first, second] = [vertexOf(['new', 'b'], 1), vertexOf(['a'], 1)];
    const assignment = assign(checkpoint, first, second);
    assert.deepEqual(Object.keys(tasksOf(assignment, first)[0]?.operators ?? {}), ['b-id']);
    assert.deepEqual(tasksOf(assignment, second)[0]?.operators['a-id']?.operator.map(textOf), ['of a']);
  });

  it('brings records in flight to the owners of their keys, and others to one subtask each', () => {
    const inFlight = (i: number): OperatorSubtaskState['inFlight'] => [
      { edge: 0, producerSubtask: 0, records: handle(`hash ${i}`) },
      { edge: 1, producerSubtask: 1, records: handle(`rebalance ${i}`) },
    ];
    const checkpoint = checkpointOf(
      operatorCheckpoint(
        'join',
        [0, 1, 2, 3].map((i) => ({ inFlight: inFlight(i) })),
      ),
    );
    const vertex = vertexOf(['join'], 2, 'HASH', 'REBALANCE');
    const shares = tasksOf(assign(checkpoint, vertex), vertex).map((task) =>
      task.operators['join-id']?.inFlight
        .filter((f) => !f.withoutRecords)
        .map((f) => `${f.subtask}: ${textOf(f.records)}`)
        .join('; '),
    );
    assert.deepEqual(shares, [
      '0: hash 0; 0: rebalance 0; 1: hash 1; 2: rebalance 2',
      '1: rebalance 1; 2: hash 2; 3: hash 3; 3: rebalance 3',
    ]);
  });

  it('brings with the records of an old subtask the watermarks that it had in flight on its other channels', () => {
    const records = [
      { edge: 0, producerSubtask: 0, records: handle('hash') },
      { edge: 1, producerSubtask: 0, records: handle('rebalance') },
    ];
    const checkpoint = checkpointOf(operatorCheckpoint('join', [{ inFlight: records }]));
    const vertex = vertexOf(['join'], 2, 'HASH', 'REBALANCE');
    const shares = tasksOf(assign(checkpoint, vertex), vertex).map((task) =>
      task.operators['join-id']?.inFlight.map((f) => `${textOf(f.records)}${f.withoutRecords ? ' without records' : ''}`),
    );
    assert.deepEqual(shares, [
      ['hash', 'rebalance'],
      ['hash', 'rebalance without records'],
    ]);
  });

  describe('of the times of channels', () => {
    const records = { edge: 0, producerSubtask: 0, records: handle('r') };
    const [subtask0, subtask1] = [
      { inFlight: [records], inputTime: timeAt(10, 2) },
      { inFlight: [records], inputTime: timeAt(20, 2) },
    ];
    const restores = (
      checkpoint: CompletedCheckpoint,
      source: CheckpointedVertex,
      count: CheckpointedVertex,
    ): ReturnType<typeof tasksOf>[number]['operators'][string][] =>
      tasksOf(assign(checkpoint, source, count), count).map((t) => t.operators['count-id'] as never);
    const taken = (partitioner: Partitioner, ...sources: readonly Partial<OperatorSubtaskState>[]): CompletedCheckpoint =>
      checkpointOf(
        operatorCheckpoint('source', sources),
        operatorCheckpoint('count', [subtask0, subtask1], {
          inputs: [{ operatorId: 'source-id', input: 0, partitioner }],
        }),
      );
    const times = (
      checkpoint: CompletedCheckpoint,
      sources: number,
      parallelism: number,
      partitioner: Partitioner,
    ): [(string | undefined)[], boolean][] => {
      const source = vertexOf(['source'], sources);
      const count = { ...vertexOf(['count'], parallelism), inputs: [inputOf(source, partitioner)] };
      return restores(checkpoint, source, count).map((r) => [
        (r?.inputTimes ?? []).map((t) => `${t.subtask} at ${t.emitted}`),
        r?.sameInputs === true,
      ]);
    };

    it('gives a subtask its own, if nothing has changed of all that feeds it', () => {
      assert.deepEqual(times(taken('HASH', {}, {}), 2, 2, 'HASH'), [
        [['0 at 10'], true],
        [['1 at 20'], true],
      ]);
    });

    it('gives those of all old subtasks whose records it takes over, after a rescale of it or of what feeds it', () => {
      assert.deepEqual(times(taken('HASH', {}, {}), 2, 1, 'HASH'), [[['0 at 10', '1 at 20'], false]]);
      assert.deepEqual(times(taken('HASH', {}), 2, 2, 'HASH'), [
        [['0 at 10'], false],
        [['1 at 20'], false],
      ]);
    });

    it('gives none after a rescale where a subtask was fed by some producers only, or is now', () => {
      assert.deepEqual(times(taken('RESCALE', {}, {}), 2, 1, 'REBALANCE'), [[[], false]]);
      assert.deepEqual(times(taken('REBALANCE', {}, {}), 2, 1, 'RESCALE'), [[[], false]]);
    });

    it('gives none of a checkpoint that does not say what fed its operators', () => {
      const old = checkpointOf(operatorCheckpoint('source', [{}]), operatorCheckpoint('count', [{ inFlight: [records] }]));
      assert.deepEqual(times(old, 1, 1, 'HASH'), [[[], false]]);
    });

    it('finds an edge by the operator that writes into it, wherever it stands among the edges now', () => {
      const checkpoint = checkpointOf(
        operatorCheckpoint('a', [{}]),
        operatorCheckpoint('b', [{}]),
        operatorCheckpoint('count', [{ inFlight: [{ ...records, edge: 1 }], inputTime: timeAt(10, 1, 1) }], {
          inputs: [
            { operatorId: 'a-id', input: 0, partitioner: 'HASH' },
            { operatorId: 'b-id', input: 0, partitioner: 'HASH' },
          ],
        }),
      );
      const [a, b] = [vertexOf(['a'], 1), vertexOf(['b'], 1)];
      const count = { ...vertexOf(['count'], 1), inputs: [inputOf(b, 'HASH'), inputOf(a, 'HASH')] };
      const [restore] = tasksOf(assign(checkpoint, a, b, count), count).map((t) => t.operators['count-id']);
      assert.deepEqual([restore?.inFlight[0]?.edge, restore?.inputTimes?.[0]?.channels[0]?.edge], [0, 0]);
      assert.equal(restore?.sameInputs, undefined);
    });
  });

  it('refuses records in flight towards an operator that is chained now and has no channels', () => {
    const records = { edge: 0, producerSubtask: 0, records: handle('r') };
    const checkpoint = checkpointOf(operatorCheckpoint('map', [{}]), operatorCheckpoint('join', [{ inFlight: [records] }]));
    assert.throws(() => assign(checkpoint, vertexOf(['map', 'join'], 1, 'HASH')), refusal(/'The join'.*or not of its own/));
  });

  it('refuses state of operators that the program does not have, and names them', () => {
    const checkpoint = checkpointOf(
      operatorCheckpoint('kept', [{ operator: handle('x') }]),
      operatorCheckpoint('gone', [{ operator: handle('y') }]),
      operatorCheckpoint('nameless', [{ keyed: keyed(1, 0) }], { uid: undefined as never }),
      operatorCheckpoint('stateless', [{}]),
      operatorCheckpoint('empty', [{ keyed: { ...keyed(1, 0), keyGroups: [] } as KeyedStateHandle }]),
    );
    const vertex = vertexOf(['kept'], 1);
    assert.throws(
      () => assign(checkpoint, vertex),
      refusal(/program does not have: 'The gone' \(uid 'gone'\), 'The nameless' \(which had no uid\)\. .*ignore-unclaimed-state/),
    );
    const assignment = assignState(checkpoint, [vertex], { allowNonRestoredState: true });
    assert.deepEqual(
      assignment.unclaimed.map((o) => o.name),
      ['The gone', 'The nameless'],
    );
    assert.equal(tasksOf(assignment, vertex).length, 1);
  });

  it('refuses another number of key groups for keyed state, and says what to set', () => {
    const checkpoint = checkpointOf(operatorCheckpoint('count', [{ keyed: keyed(1, 0) }], { maxParallelism: 64 }));
    assert.throws(() => assign(checkpoint, vertexOf(['count'], 1, 'HASH')), refusal(/64 key groups.*setMaxParallelism\(64\)/));
    const stateless = checkpointOf(operatorCheckpoint('map', [{ operator: handle('x') }], { maxParallelism: 64 }));
    assert.equal(assign(stateless, vertexOf(['map'], 1)).tasks.size, 1);
  });

  it('refuses records in flight through an input that is no more', () => {
    const records = { edge: 1, producerSubtask: 0, records: handle('r') };
    const checkpoint = checkpointOf(operatorCheckpoint('join', [{ inFlight: [records] }]));
    assert.throws(() => assign(checkpoint, vertexOf(['join'], 1, 'HASH')), refusal(/input that it does not have any more/));
  });

  it('subtasks that had finished only end again, unless a rescale gives them the work of others', () => {
    const done = { finished: true, watermark: Number.POSITIVE_INFINITY } as const;
    const partly = checkpointOf(operatorCheckpoint('source', [{ ...done, operator: handle('0') }, { watermark: 5 }]));
    const finishedAt = (checkpoint: CompletedCheckpoint, parallelism: number): (true | undefined)[] => {
      const vertex = vertexOf(['source'], parallelism);
      return tasksOf(assign(checkpoint, vertex), vertex).map((t) => t.finished);
    };
    assert.deepEqual(finishedAt(partly, 2), [true, undefined]);
    assert.deepEqual(finishedAt(partly, 3), [undefined, undefined, undefined]);
    assert.deepEqual(finishedAt(checkpointOf(operatorCheckpoint('source', [done, done])), 3), [true, true, true]);
    const vertex = vertexOf(['source'], 3);
    const restore = tasksOf(assign(partly, vertex), vertex)[2]?.operators['source-id'];
    assert.deepEqual([restore?.operator.map(textOf), restore?.watermark], [['0'], 5]);
  });

  it('a rescale leaves out the keys of subtasks that had finished, for which nothing will come', () => {
    const checkpoint = checkpointOf(
      operatorCheckpoint('count', [
        { keyed: keyed(2, 0), timers: handle('0'), finished: true, watermark: Number.POSITIVE_INFINITY },
        { keyed: keyed(2, 1), timers: handle('1') },
      ]),
    );
    const shares = (parallelism: number): string[] => {
      const vertex = vertexOf(['count'], parallelism, 'HASH');
      return tasksOf(assign(checkpoint, vertex), vertex).map((t) => t.operators['count-id']?.timers.map(textOf).join() ?? '');
    };
    assert.deepEqual(shares(2), ['0', '1']);
    assert.deepEqual(shares(1), ['1']);
  });

  it('a subtask that had finished goes on if a producer that was rescaled may have something for it', () => {
    const done = { finished: true, watermark: Number.POSITIVE_INFINITY } as const;
    const checkpoint = checkpointOf(operatorCheckpoint('source', [done, {}]), operatorCheckpoint('map', [done, {}]));
    const finishedAt = (sources: number, partitioner: Partitioner): (true | undefined)[] => {
      const source = vertexOf(['source'], sources);
      const map = { ...vertexOf(['map'], 2), inputs: [inputOf(source, partitioner)] };
      return tasksOf(assign(checkpoint, source, map), map).map((t) => t.finished);
    };
    assert.deepEqual(finishedAt(2, 'FORWARD'), [true, undefined]);
    assert.deepEqual(finishedAt(2, 'REBALANCE'), [undefined, undefined]);
    assert.deepEqual(finishedAt(1, 'REBALANCE'), [undefined, undefined]);
    assert.deepEqual(finishedAt(4, 'RESCALE'), [undefined, undefined]);
  });

  it('refuses new input for operators that had all finished', () => {
    const checkpoint = checkpointOf(operatorCheckpoint('source', [{}]), operatorCheckpoint('map', [{ finished: true }]));
    const source = vertexOf(['source'], 1);
    const map = { ...vertexOf(['map'], 1), inputs: [inputOf(source, 'FORWARD')] };
    assert.throws(() => assign(checkpoint, source, map), /'map' had processed all its input and finished/);
  });

  it('refuses a chain of operators of which only some have finished', () => {
    const checkpoint = checkpointOf(operatorCheckpoint('source', [{ finished: true }]), operatorCheckpoint('map', [{}]));
    assert.throws(() => assign(checkpoint, vertexOf(['source', 'map'], 1)), refusal(/startNewChain\(\) on 'The map'/));
    assert.throws(() => assign(checkpoint, vertexOf(['source', 'new'], 1)), refusal(/startNewChain\(\) on 'The new'/));
    assert.equal(assign(checkpoint, vertexOf(['source'], 1), vertexOf(['new'], 1)).tasks.size, 2);
  });
});
