import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FilterOperator, FlatMapOperator, MapOperator, type StreamOperator } from '../operators/index.ts';
import { type ChainNode, type ChainTarget, type CompiledChain, compileChain, type FailFunction } from './chain-compiler.ts';

interface Written {
  readonly value: unknown;
  readonly timestamp: number;
}

function sink(): { target: ChainTarget; written: Written[] } {
  const written: Written[] = [];
  return { target: { writer: { write: (value, timestamp) => void written.push({ value, timestamp }) } }, written };
}

function node(operator: StreamOperator, mainTargets: ChainTarget[], rest: Partial<ChainNode> = {}): ChainNode {
  return { operator, keySelectors: [], inputCount: 1, mainTargets, sideTargets: new Map(), ...rest };
}

const rethrow: FailFunction = (thrown) => {
  throw thrown;
};

function run(chain: CompiledChain, values: unknown[], timestamps?: number[]): void {
  chain.inputs[0]?.(values, timestamps && Float64Array.from(timestamps), 0, values.length);
}

const times = (n: number) => new MapOperator((x: number) => x * n);
const values = (written: Written[]): unknown[] => written.map((w) => w.value);

test('map, filter and flatMap are fused in order, and timestamps go through', () => {
  const { target, written } = sink();
  const chain = compileChain(
    [
      node(times(2), [{ node: 1 }]),
      node(new FilterOperator((x: number) => x > 2), [{ node: 2 }]),
      node(new FlatMapOperator((x: number) => [x, -x]), [target]),
    ],
    rethrow,
  );
  run(chain, [1, 2, 3], [10, 20, 30]);
  assert.deepEqual(written, [
    { value: 4, timestamp: 20 },
    { value: -4, timestamp: 20 },
    { value: 6, timestamp: 30 },
    { value: -6, timestamp: 30 },
  ]);
});

test('records without timestamps carry minus infinity', () => {
  const { target, written } = sink();
  run(compileChain([node(times(1), [target])], rethrow), [1]);
  assert.deepEqual(written, [{ value: 1, timestamp: Number.NEGATIVE_INFINITY }]);
});

test('a branching chain hands every record to every branch, in order', () => {
  const a = sink();
  const b = sink();
  const chain = compileChain(
    [node(times(1), [{ node: 1 }, { node: 2 }]), node(times(10), [a.target]), node(times(100), [b.target])],
    rethrow,
  );
  run(chain, [1, 2]);
  assert.deepEqual(values(a.written), [10, 20]);
  assert.deepEqual(values(b.written), [100, 200]);
});

test('a filter does not skip what an operator before it does after emitting', () => {
  const log: string[] = [];
  const after: StreamOperator = {
    inline: (code, value, time, emit) =>
      `${emit(value, time)}\n${code.bind((v: unknown) => log.push(`after ${v}`), 'after')}(${value});`,
  };
  const { target, written } = sink();
  const chain = compileChain([node(after, [{ node: 1 }]), node(new FilterOperator((x: number) => x > 1), [target])], rethrow);
  run(chain, [1, 2]);
  assert.deepEqual(values(written), [2]);
  assert.deepEqual(log, ['after 1', 'after 2']);
});

test('an operator with state is called, and its output goes on', () => {
  const { target, written } = sink();
  let collect: (v: unknown, t: number) => void = () => {};
  const pairs: StreamOperator = {
    processElement(value: number, timestamp: number) {
      collect(value, timestamp);
      collect(value + 0.5, timestamp);
    },
  };
  const chain = compileChain([node(pairs, [{ node: 1 }]), node(times(2), [target])], rethrow);
  collect = chain.collects[0] as typeof collect;
  run(chain, [1], [5]);
  assert.deepEqual(written, [
    { value: 2, timestamp: 5 },
    { value: 3, timestamp: 5 },
  ]);
});

test('the key is set before a keyed operator gets its record', () => {
  const log: unknown[] = [];
  const operator: StreamOperator = { processElement: (value: unknown) => void log.push(value) };
  const chain = compileChain(
    [node(operator, [], { keySelectors: [(v: any) => v.k], setCurrentKey: (key) => void log.push(`key ${key}`) })],
    rethrow,
  );
  const record = { k: 'a' };
  run(chain, [record]);
  assert.deepEqual(log, ['key a', record]);
});

test('two inputs go to their own methods with their own keys', () => {
  const log: string[] = [];
  const operator: StreamOperator = {
    processElement: (value: number) => void log.push(`first ${value}`),
    processElement2: (value: number) => void log.push(`second ${value}`),
  };
  const chain = compileChain(
    [
      node(operator, [], {
        inputCount: 2,
        keySelectors: [(v: any) => v + 1, (v: any) => v + 2],
        setCurrentKey: (key) => void log.push(`key ${key}`),
      }),
    ],
    rethrow,
  );
  chain.inputs[0]?.([10], undefined, 0, 1);
  chain.inputs[1]?.([10], undefined, 0, 1);
  assert.deepEqual(log, ['key 11', 'first 10', 'key 12', 'second 10']);
});

test('side outputs go their own way and are counted where they arrive', () => {
  const side = sink();
  const chain = compileChain(
    [
      node({ processElement: () => {} }, [], { sideTargets: new Map([['late', [{ node: 1 }, side.target]]]) }),
      node(times(2), [side.target]),
    ],
    rethrow,
  );
  chain.sideCollects[0]?.get('late')?.(21, 7);
  assert.deepEqual(values(side.written), [42, 21]);
  assert.equal(chain.counters[chain.inSlots[1] as number], 1);
});

test('counters hold the records in and out of every operator', () => {
  const { target } = sink();
  const chain = compileChain(
    [
      node(times(1), [{ node: 1 }]),
      node(new FilterOperator((x: number) => x % 2 === 0), [{ node: 2 }]),
      node(new FlatMapOperator((x: number) => [x, x, x]), [target]),
    ],
    rethrow,
  );
  run(chain, [1, 2, 3, 4, 5]);
  const counts = [0, 1, 2].map((i) => [chain.counters[chain.inSlots[i] as number], chain.counters[chain.outSlots[i] as number]]);
  assert.deepEqual(counts, [
    [5, 5],
    [5, 2],
    [2, 6],
  ]);
});

test('a failure names the operator at work and the record that it got', () => {
  const seen: unknown[] = [];
  const fail: FailFunction = (thrown, index, record) => {
    seen.push([(thrown as Error).message, index, record]);
    throw thrown;
  };
  const broken = new MapOperator((x: number) => {
    if (x === 20) throw new Error('no 20');
    return x;
  });
  const chain = compileChain([node(times(10), [{ node: 1 }]), node(broken, [sink().target])], fail);
  assert.throws(() => run(chain, [1, 2, 3]), /no 20/);
  assert.deepEqual(seen, [['no 20', 1, 20]]);
});

test('a chain of a hundred operators works, in several functions', () => {
  const { target, written } = sink();
  const nodes = Array.from({ length: 100 }, (_, i) =>
    node(new MapOperator((x: number) => x + 1), [i === 99 ? target : { node: i + 1 }]),
  );
  const chain = compileChain(nodes, rethrow);
  run(chain, [0, 1]);
  assert.deepEqual(values(written), [100, 101]);
  assert.ok((chain.source.match(/function /g) ?? []).length > 5);
});

test('no two chains have the same source, so that the JIT does not mix what it learns about them', () => {
  const make = (): string => compileChain([node(times(1), [sink().target])], rethrow).source;
  assert.notEqual(make(), make());
});
