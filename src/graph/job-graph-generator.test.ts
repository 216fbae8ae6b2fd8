import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobId } from '../common/index.ts';
import { computeMaxParallelism, generateJobGraph } from './job-graph-generator.ts';
import { executionPlan, jobPlan, planTree } from './plan.ts';
import type { Partitioner, StreamGraph, StreamNode } from './stream-graph.ts';

const JOB = '0'.repeat(32) as JobId;

function node(id: number, kind: StreamNode['kind'], overrides: Partial<StreamNode> = {}): StreamNode {
  return {
    id,
    kind,
    operatorType: `Type${id}`,
    name: `op${id}`,
    parallelism: 1,
    slotSharingGroup: 'default',
    chainingStrategy: 'ALWAYS',
    inputCount: 1,
    keyed: false,
    ...overrides,
  };
}

function graph(nodes: StreamNode[], edges: [number, number, Partitioner?, number?, string?][]): StreamGraph {
  return {
    jobName: 'test',
    nodes,
    edges: edges.map(([source, target, partitioner = 'AUTO', input = 0, sideOutput]) => ({
      source,
      target,
      input,
      partitioner,
      ...(sideOutput === undefined ? {} : { sideOutput }),
    })),
    chainingEnabled: true,
  };
}

const names = (g: StreamGraph): string[] => generateJobGraph(g, JOB).vertices.map((v) => v.name);

test('forward operators are chained, and a key exchange starts a new vertex', () => {
  const g = graph(
    [node(1, 'SOURCE'), node(2, 'OPERATOR'), node(3, 'OPERATOR', { keyed: true }), node(4, 'SINK')],
    [
      [1, 2],
      [2, 3, 'HASH'],
      [3, 4],
    ],
  );
  assert.deepEqual(names(g), ['op1 -> op2', 'op3 -> op4']);
  const { edges } = generateJobGraph(g, JOB);
  assert.equal(edges.length, 1);
  assert.deepEqual([edges[0]?.sourceNode, edges[0]?.targetNode, edges[0]?.partitioner], [2, 3, 'HASH']);
});

test('a chain can branch', () => {
  const g = graph(
    [node(1, 'SOURCE'), node(2, 'SINK'), node(3, 'SINK')],
    [
      [1, 2],
      [1, 3, 'AUTO', 0, 'late'],
    ],
  );
  assert.deepEqual(names(g), ['op1 -> op2 -> op3']);
  assert.deepEqual(generateJobGraph(g, JOB).vertices[0]?.chainEdges, [
    { source: 1, target: 2 },
    { source: 1, target: 3, sideOutput: 'late' },
  ]);
});

test('union, two inputs, other parallelism, other slot-sharing groups and chaining controls break chains', () => {
  const cases: [string, StreamGraph][] = [
    [
      'union',
      graph(
        [node(1, 'SOURCE'), node(2, 'SOURCE'), node(3, 'SINK')],
        [
          [1, 3],
          [2, 3],
        ],
      ),
    ],
    [
      'two inputs',
      graph(
        [node(1, 'SOURCE'), node(2, 'SOURCE'), node(3, 'SINK', { inputCount: 2 })],
        [
          [1, 3],
          [2, 3, 'AUTO', 1],
        ],
      ),
    ],
    ['parallelism', graph([node(1, 'SOURCE'), node(3, 'SINK', { parallelism: 2 })], [[1, 3]])],
    ['group', graph([node(1, 'SOURCE'), node(3, 'SINK', { slotSharingGroup: 'other' })], [[1, 3]])],
    ['HEAD', graph([node(1, 'SOURCE'), node(3, 'SINK', { chainingStrategy: 'HEAD' })], [[1, 3]])],
    ['NEVER', graph([node(1, 'SOURCE', { chainingStrategy: 'NEVER' }), node(3, 'SINK')], [[1, 3]])],
    ['disabled', { ...graph([node(1, 'SOURCE'), node(3, 'SINK')], [[1, 3]]), chainingEnabled: false }],
  ];
  for (const [name, g] of cases) assert.equal(names(g).at(-1), 'op3', name);
});

test('edges that say nothing are FORWARD between equal parallelism and REBALANCE otherwise', () => {
  const g = graph([node(1, 'SOURCE'), node(2, 'SINK', { parallelism: 3 })], [[1, 2]]);
  assert.equal(generateJobGraph(g, JOB).edges[0]?.partitioner, 'REBALANCE');
  assert.equal(executionPlan(g).nodes[1]?.predecessors?.[0]?.ship_strategy, 'REBALANCE');
});

test('an explicit forward() between different parallelism is refused', () => {
  const g = graph([node(1, 'SOURCE'), node(2, 'SINK', { parallelism: 3 })], [[1, 2, 'FORWARD']]);
  assert.throws(() => generateJobGraph(g, JOB), {
    code: 'INVALID_PROGRAM',
    message: /forward\(\) from 'op1' \(parallelism 1\) to 'op2' \(parallelism 3\)/,
  });
});

test('an empty graph and one without a sink are refused with what to do', () => {
  assert.throws(() => generateJobGraph(graph([], []), JOB), { code: 'INVALID_PROGRAM', message: /no operators/ });
  assert.throws(() => generateJobGraph(graph([node(1, 'SOURCE')], []), JOB), { code: 'INVALID_PROGRAM', message: /no sink/ });
});

test('a uid that is used twice is refused, naming both operators and where they are', () => {
  const g = graph(
    [node(1, 'SOURCE', { uid: 'a', definedAt: 'job.ts:3:4' }), node(2, 'SINK', { uid: 'a', definedAt: 'job.ts:5:6' })],
    [[1, 2]],
  );
  assert.throws(() => generateJobGraph(g, JOB), {
    code: 'INVALID_PROGRAM',
    message: /uid 'a': 'op1' \(at job\.ts:3:4\) and 'op2' \(at job\.ts:5:6\)/,
  });
});

test('a uid alone decides the id; without one, structure does and names do not', () => {
  const ids = (g: StreamGraph): string[] =>
    generateJobGraph(g, JOB).vertices.flatMap((v) => v.operators.map((o) => o.operatorId));
  const base = graph(
    [node(1, 'SOURCE'), node(2, 'OPERATOR', { uid: 'x' }), node(3, 'SINK')],
    [
      [1, 2],
      [2, 3],
    ],
  );
  const renamed = graph(
    [node(1, 'SOURCE', { name: 'other' }), node(2, 'OPERATOR', { uid: 'x' }), node(3, 'SINK')],
    [
      [1, 2],
      [2, 3],
    ],
  );
  assert.deepEqual(ids(renamed), ids(base));
  const moved = graph(
    [node(1, 'SOURCE'), node(2, 'OPERATOR'), node(3, 'OPERATOR', { uid: 'x' }), node(4, 'SINK')],
    [
      [1, 2],
      [2, 3],
      [3, 4],
    ],
  );
  assert.equal(ids(moved)[2], ids(base)[1]);
  assert.notEqual(ids(moved)[3], ids(base)[2]);
  assert.equal(new Set(ids(moved)).size, 4);
});

test('the fingerprint is the same for the same program and differs when an edge does', () => {
  const g = (p: Partitioner): StreamGraph => graph([node(1, 'SOURCE'), node(2, 'SINK')], [[1, 2, p]]);
  const fingerprint = (s: StreamGraph): string => generateJobGraph(s, JOB).fingerprint;
  assert.equal(fingerprint(g('SHUFFLE')), fingerprint(g('SHUFFLE')));
  assert.notEqual(fingerprint(g('SHUFFLE')), fingerprint(g('GLOBAL')));
});

test('a job graph is JSON', () => {
  const made = generateJobGraph(graph([node(1, 'SOURCE'), node(2, 'SINK')], [[1, 2, 'SHUFFLE']]), JOB);
  assert.deepEqual(JSON.parse(JSON.stringify(made)), made);
});

test('max parallelism follows the rule of Flink unless given, and cannot be below parallelism', () => {
  assert.deepEqual([1, 85, 86, 200, 30_000].map(computeMaxParallelism), [128, 128, 256, 512, 32_768]);
  const g = graph([node(1, 'SOURCE', { maxParallelism: 2, parallelism: 4 }), node(2, 'SINK', { parallelism: 4 })], [[1, 2]]);
  assert.throws(() => generateJobGraph(g, JOB), { message: /parallelism 4, above its maximum of 2/ });
});

test('the keyed operator of a chain says how many key groups there are, and others do not', () => {
  const g = (keyed: Partial<StreamNode>, more: Partial<StreamNode>): StreamGraph =>
    graph(
      [node(1, 'SOURCE'), node(2, 'OPERATOR', { keyed: true, ...keyed }), node(3, 'OPERATOR', more), node(4, 'SINK')],
      [
        [1, 2, 'HASH'],
        [2, 3],
        [3, 4],
      ],
    );
  const chains = (of: StreamGraph): unknown[] => generateJobGraph(of, JOB).vertices.map((v) => [v.name, v.maxParallelism]);
  assert.deepEqual(chains(g({}, { maxParallelism: 1 })), [
    ['op1', 128],
    ['op2 -> op3 -> op4', 128],
  ]);
  assert.deepEqual(chains(g({ maxParallelism: 64 }, { maxParallelism: 1 }))[1], ['op2 -> op3 -> op4', 64]);
  assert.deepEqual(chains(g({ maxParallelism: 64 }, {}))[1], ['op2 -> op3 -> op4', 64]);
});

test('keyed operators with different numbers of key groups are not chained, however far apart', () => {
  const g = (second: Partial<StreamNode>, partitioner?: Partitioner): StreamGraph =>
    graph(
      [
        node(1, 'SOURCE'),
        node(2, 'OPERATOR', { keyed: partitioner === undefined, maxParallelism: 8 }),
        node(3, 'OPERATOR'),
        node(4, 'OPERATOR', { keyed: true, ...second }),
        node(5, 'SINK'),
      ],
      [
        [1, 2, partitioner ?? 'REBALANCE'],
        [2, 3],
        [3, 4],
        [4, 5],
      ],
    );
  const chains = (of: StreamGraph): unknown[] =>
    generateJobGraph(of, JOB)
      .vertices.slice(1)
      .map((v) => [v.name, v.maxParallelism]);
  const apart = [
    ['op2 -> op3', 8],
    ['op4 -> op5', 1],
  ];
  assert.deepEqual(chains(g({ maxParallelism: 1 })), apart);
  assert.deepEqual(chains(g({ maxParallelism: 1 }, 'HASH')), apart, 'records with keys come here, too');
  assert.deepEqual(chains(g({}))[1], ['op4 -> op5', 128]);
  assert.deepEqual(chains(g({ maxParallelism: 8 })), [['op2 -> op3 -> op4 -> op5', 8]]);
});

test('a branch of a chain that has other key groups is a chain of its own', () => {
  const g = graph(
    [node(1, 'SOURCE'), node(2, 'SINK', { keyed: true, maxParallelism: 1 }), node(3, 'SINK', { keyed: true })],
    [
      [1, 2],
      [1, 3],
    ],
  );
  assert.deepEqual(names(g), ['op1 -> op2', 'op3']);
});

test('plans name operators, strategies and predecessors', () => {
  const g = graph(
    [node(1, 'SOURCE'), node(2, 'OPERATOR', { keyed: true, uid: 'count' }), node(3, 'SINK')],
    [
      [1, 2, 'HASH'],
      [2, 3],
    ],
  );
  assert.deepEqual(executionPlan(g).nodes, [
    { id: 1, type: 'Source: op1', pact: 'Data Source', contents: 'op1', parallelism: 1 },
    {
      id: 2,
      type: 'op2',
      pact: 'Operator',
      contents: 'op2',
      parallelism: 1,
      predecessors: [{ id: 1, ship_strategy: 'HASH', side: 'first' }],
    },
    {
      id: 3,
      type: 'Sink: op3',
      pact: 'Data Sink',
      contents: 'op3',
      parallelism: 1,
      predecessors: [{ id: 2, ship_strategy: 'FORWARD', side: 'first' }],
    },
  ]);
  const made = generateJobGraph(g, JOB);
  const [downstream] = jobPlan(made).nodes;
  assert.equal(downstream?.description, 'op2 -> op3');
  assert.equal(downstream?.inputs?.[0]?.ship_strategy, 'HASH');
  assert.equal(
    planTree(made),
    [
      "Job 'test': 2 vertices",
      '',
      '1. parallelism 1',
      '   Source: op1',
      '',
      '2. parallelism 1  <- HASH from 1',
      '   op2  (keyed)  [uid count]',
      '   └─ Sink: op3',
    ].join('\n'),
  );
});
