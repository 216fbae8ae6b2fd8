import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobId } from '../common/index.ts';
import { FilterOperator, type OperatorDefinition } from '../operators/index.ts';
import { partitionFunction } from './partition-function.ts';
import { StreamGraphBuilder } from './stream-graph-builder.ts';

test('a partitioner gets the key of the record and the number of partitions', () => {
  const byFunction = partitionFunction(
    (key: number, n) => key % n,
    (record: { id: number }) => record.id,
  );
  const byObject = partitionFunction({ partition: (key: string, n) => key.length % n }, (record: string) => record);
  assert.equal(byFunction({ id: 7 }, 4), 3);
  assert.equal(byObject('abc', 2), 1);
});

test('a partition that does not exist is refused', () => {
  for (const chosen of [-1, 4, 1.5, Number.NaN]) {
    const partition = partitionFunction(
      () => chosen,
      (record: number) => record,
    );
    assert.throws(() => partition(1, 4), new RegExp(`chose subtask ${chosen} of 4. It must return a whole number from 0 to 3`));
  }
});

test('custom partitioners are found with the operator that reads the stream, by input and edge', () => {
  const builder = new StreamGraphBuilder();
  const definition: OperatorDefinition = { create: () => new FilterOperator(() => true) };
  const add = (kind: 'SOURCE' | 'SINK', inputs: Parameters<typeof builder.add>[0]['inputs']): number =>
    builder.add({ kind, operatorType: kind, name: kind, definition, inputs, parallelism: 1 }).id;
  const source = add('SOURCE', []);
  const partition = (): number => 0;
  add('SINK', [
    [
      { node: source, partitioner: 'HASH' },
      { node: source, partitioner: 'CUSTOM', partition },
    ],
    [{ node: source }],
  ]);
  const graph = builder.build('job', true);
  const { jobGraph, program } = builder.generate(graph, '0'.repeat(32) as JobId);
  const sink = jobGraph.vertices.flatMap((v) => v.operators).find((o) => o.kind === 'SINK');
  assert.deepEqual(program.get(sink?.operatorId ?? '')?.customPartitioners, [[undefined, partition], [undefined]]);
  assert.deepEqual(
    graph.edges.map((e) => e.partitioner),
    ['HASH', 'CUSTOM', 'AUTO'],
  );
});
