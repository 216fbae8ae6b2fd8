import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { VertexId } from '../../common/index.ts';
import type { Partitioner } from '../../graph/index.ts';
import { pipelinedRegions } from './pipelined-regions.ts';

const id = (name: string): VertexId => name as VertexId;

function regions(vertices: Record<string, number>, edges: readonly [string, string, Partitioner][]): string[] {
  const found = pipelinedRegions(
    Object.entries(vertices).map(([name, parallelism]) => ({ id: id(name), parallelism })),
    edges.map(([source, target, partitioner]) => ({ source: id(source), target: id(target), partitioner })),
  );
  return found.map((region) => region.map((s) => `${s.vertexId}${s.subtaskIndex}`).join(' '));
}

describe('pipelined regions', () => {
  it('forward edges make one region per subtask', () => {
    assert.deepEqual(regions({ a: 3, b: 3 }, [['a', 'b', 'FORWARD']]), ['a0 b0', 'a1 b1', 'a2 b2']);
  });

  it('an edge between all subtasks makes one region', () => {
    for (const partitioner of ['HASH', 'REBALANCE', 'SHUFFLE', 'BROADCAST', 'GLOBAL', 'CUSTOM'] as const) {
      assert.deepEqual(regions({ a: 2, b: 2 }, [['a', 'b', partitioner]]), ['a0 a1 b0 b1']);
    }
  });

  it('rescale connects groups of subtasks, in both directions', () => {
    assert.deepEqual(regions({ a: 2, b: 4 }, [['a', 'b', 'RESCALE']]), ['a0 b0 b1', 'a1 b2 b3']);
    assert.deepEqual(regions({ a: 4, b: 2 }, [['a', 'b', 'RESCALE']]), ['a0 a1 b0', 'a2 a3 b1']);
  });

  it('parts of the job that no channel connects are regions of their own', () => {
    assert.deepEqual(
      regions({ a: 1, c: 2, b: 1, d: 2 }, [
        ['a', 'b', 'HASH'],
        ['c', 'd', 'HASH'],
      ]),
      ['a0 b0', 'c0 c1 d0 d1'],
    );
  });

  it('a join of two inputs connects what feeds them', () => {
    assert.deepEqual(
      regions({ a: 2, b: 2, c: 2, d: 2 }, [
        ['a', 'c', 'FORWARD'],
        ['b', 'c', 'BROADCAST'],
        ['c', 'd', 'FORWARD'],
      ]),
      ['a0 a1 b0 b1 c0 c1 d0 d1'],
    );
  });

  it('subtasks without channels are alone', () => {
    assert.deepEqual(regions({ a: 2 }, []), ['a0', 'a1']);
  });
});
