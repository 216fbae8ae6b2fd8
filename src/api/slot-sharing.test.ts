import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import '../index.ts';
import type { StreamNode } from '../graph/index.ts';
import { StreamExecutionEnvironment } from './stream-execution-environment.ts';

function node(env: StreamExecutionEnvironment, name: string): StreamNode {
  return env.getStreamGraph().nodes.find((n) => n.name === name) ?? assert.fail(`there is no '${name}'`);
}

describe('slot-sharing groups and parallelism of operators', () => {
  it('an operator belongs to the group of its input, also if that is named later', () => {
    const env = StreamExecutionEnvironment.getExecutionEnvironment();
    const source = env.fromElements(1).name('source');
    source
      .map((x) => x)
      .name('map')
      .print()
      .name('sink');
    source.slotSharingGroup('heavy');
    for (const name of ['source', 'map', 'sink']) assert.equal(node(env, name).slotSharingGroup, 'heavy');
  });

  it('inputs of different groups lead back to the default one', () => {
    const env = StreamExecutionEnvironment.getExecutionEnvironment();
    const a = env.fromElements(1).slotSharingGroup('a');
    const b = env.fromElements(2).slotSharingGroup('b');
    a.union(b)
      .map((x) => x)
      .name('both')
      .discard();
    a.union(a.map((x) => x))
      .map((x) => x)
      .name('one')
      .discard();
    assert.equal(node(env, 'both').slotSharingGroup, 'default');
    assert.equal(node(env, 'one').slotSharingGroup, 'a');
  });

  it('what an operator names for itself counts, and goes on to what follows', () => {
    const env = StreamExecutionEnvironment.getExecutionEnvironment();
    env
      .fromElements(1)
      .slotSharingGroup('a')
      .map((x) => x)
      .name('map')
      .slotSharingGroup('default')
      .discard()
      .name('sink');
    assert.equal(node(env, 'map').slotSharingGroup, 'default');
    assert.equal(node(env, 'sink').slotSharingGroup, 'default');
    assert.throws(() => env.fromElements(1).slotSharingGroup(''), { code: 'INVALID_OPTION' });
  });

  it('operators of different groups are not chained', () => {
    const env = StreamExecutionEnvironment.getExecutionEnvironment();
    env
      .fromElements(1)
      .map((x) => x)
      .slotSharingGroup('other')
      .discard();
    const groups = env.getStreamGraph().nodes.map((n) => n.slotSharingGroup);
    assert.deepEqual(groups, ['default', 'other', 'other']);
  });

  it('an operator keeps its own parallelism and max parallelism', () => {
    const env = StreamExecutionEnvironment.getExecutionEnvironment().setParallelism(3).setMaxParallelism(64);
    env
      .fromElements(1)
      .name('source')
      .setParallelism(1)
      .map((x) => x)
      .name('map')
      .setMaxParallelism(16)
      .discard()
      .name('sink')
      .setParallelism(2);
    const shape = ['source', 'map', 'sink'].map((name) => [node(env, name).parallelism, node(env, name).maxParallelism]);
    assert.deepEqual(shape, [
      [1, 64],
      [3, 16],
      [2, 64],
    ]);
    assert.throws(() => env.setMaxParallelism(32_769), { code: 'INVALID_OPTION', message: /from 1 to 32768/ });
  });
});
