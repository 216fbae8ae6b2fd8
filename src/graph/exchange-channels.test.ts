import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobId, VertexId } from '../common/index.ts';
import { describeExchanges, exchangeChannels } from './exchange-channels.ts';
import type { JobEdge, JobGraph, JobVertex } from './job-graph.ts';
import type { Partitioner } from './stream-graph.ts';

function twoVertices(partitioner: Partitioner, producers: number, consumers: number, group = 'default'): JobGraph {
  const vertex = (name: string, parallelism: number, slotSharingGroup: string): JobVertex =>
    ({ id: name as VertexId, name, parallelism, slotSharingGroup }) as JobVertex;
  const edge = { source: 'A' as VertexId, target: 'B' as VertexId, partitioner } as JobEdge;
  return {
    jobId: '0'.repeat(32) as JobId,
    name: 'Job',
    vertices: [vertex('A', producers, 'default'), vertex('B', consumers, group)],
    edges: [edge],
    fingerprint: '',
  };
}

const countsOf = (graph: JobGraph): number[] => {
  const { channels, betweenSlots } = exchangeChannels(graph, graph.edges[0] as JobEdge);
  return [channels, betweenSlots];
};

test('an exchange within slots has no channels between them, others have all but those to the same subtask', () => {
  assert.deepEqual(countsOf(twoVertices('FORWARD', 3, 3)), [3, 0]);
  assert.deepEqual(countsOf(twoVertices('HASH', 2, 2)), [4, 2]);
  assert.deepEqual(countsOf(twoVertices('BROADCAST', 1, 3)), [3, 2]);
  assert.deepEqual(countsOf(twoVertices('RESCALE', 2, 4)), [4, 3]);
});

test('vertices of different slot-sharing groups have no slot in common', () => {
  assert.deepEqual(countsOf(twoVertices('FORWARD', 2, 2, 'other')), [2, 2]);
});

test('exchanges between threads are described, others are not', () => {
  assert.deepEqual(describeExchanges(twoVertices('HASH', 2, 2)), [
    "Exchange 'A' → 'B': hash, 2 × 2 subtasks, 4 channels, 2 of them between threads",
  ]);
  assert.deepEqual(describeExchanges(twoVertices('FORWARD', 2, 2)), []);
});
