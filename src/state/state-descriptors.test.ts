import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Types } from '../serialization/index.ts';
import {
  AggregatingStateDescriptor,
  ListStateDescriptor,
  MapStateDescriptor,
  ReducingStateDescriptor,
  ValueStateDescriptor,
} from './state-descriptors.ts';

const sum = (a: number, b: number): number => a + b;
const average = { createAccumulator: () => 0, add: sum, merge: sum, getResult: (total: number) => total };

test('a type by itself is as good as one among the options', () => {
  const optional = Types.OPTIONAL(Types.STRING);
  assert.equal(new ValueStateDescriptor('v', Types.STRING).type, Types.STRING);
  assert.equal(new ValueStateDescriptor('v', optional).type, optional);
  assert.equal(new ValueStateDescriptor('v', { type: Types.STRING, defaultValue: 'x' }).type, Types.STRING);
  assert.equal(new ValueStateDescriptor('v', { type: Types.STRING, defaultValue: 'x' }).defaultValue, 'x');
  assert.equal(new ValueStateDescriptor('v').type, undefined);
  assert.equal(new ListStateDescriptor('l', Types.STRING).type, Types.STRING);
  assert.equal(new ReducingStateDescriptor('r', sum, Types.LONG).type, Types.LONG);
  assert.equal(new AggregatingStateDescriptor('a', average, Types.LONG).type, Types.LONG);
  for (const map of [
    new MapStateDescriptor('m', Types.STRING, Types.LONG),
    new MapStateDescriptor('m', { keyType: Types.STRING, valueType: Types.LONG }),
  ]) {
    assert.deepEqual([map.keyType, map.valueType], [Types.STRING, Types.LONG]);
  }
  assert.equal(new MapStateDescriptor('m').keyType, undefined);
});

test('what is neither a type nor an option is refused, and not passed over', () => {
  const refused: [() => unknown, RegExp][] = [
    [
      () => new ValueStateDescriptor('v', 'string' as never),
      /'v' takes a type, as Types\.STRING, or an object with type and defaultValue/,
    ],
    [() => new ValueStateDescriptor('v', String as never), /'v'/],
    [() => new ValueStateDescriptor('v', null as never), /'v'/],
    [() => new ListStateDescriptor('l', { elementType: Types.STRING } as never), /'l' takes a type/],
    [() => new MapStateDescriptor('m', Types.STRING as never), /'m' takes two types/],
  ];
  for (const [make, message] of refused) {
    assert.throws(make, (error: any) => error.code === 'INVALID_OPTION' && message.test(error.message));
  }
});
