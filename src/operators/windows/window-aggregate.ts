/** How the fast window operators combine records: functions, and the same as code for the function of a chain. */
import { reducerOf } from '../../state/index.ts';
import type { ChainCode } from '../operator.ts';
import type { WindowContents } from './window-operation.ts';

/** Stands for the accumulator of a reduction that has seen no value. */
export const EMPTY: unique symbol = Symbol('EMPTY');

export interface WindowAggregate {
  readonly create: () => unknown;
  readonly add: (value: unknown, accumulator: unknown) => unknown;
  /** In order of time. May change and return either. */
  readonly merge: (older: unknown, newer: unknown) => unknown;
  readonly result: (accumulator: unknown) => unknown;
}

export function windowAggregate(contents: WindowContents): WindowAggregate {
  switch (contents.kind) {
    case 'ELEMENTS':
      return {
        create: () => [],
        add: (value, elements) => {
          (elements as unknown[]).push(value);
          return elements;
        },
        merge: (older, newer) => [...(older as unknown[]), ...(newer as unknown[])],
        result: (elements) => elements,
      };
    case 'REDUCE': {
      const reduce = reducerOf<unknown>(contents.reduceFunction);
      return {
        create: () => EMPTY,
        add: (value, reduced) => (reduced === EMPTY ? value : reduce(reduced, value)),
        merge: reduce,
        result: (reduced) => reduced,
      };
    }
    case 'AGGREGATE': {
      const fn = contents.aggregateFunction;
      return {
        create: () => fn.createAccumulator(),
        add: (value, accumulator) => fn.add(value, accumulator),
        merge: (older, newer) => fn.merge(older, newer),
        result: (accumulator) => fn.getResult(accumulator),
      };
    }
  }
}

/** A statement that does what `add` does with the accumulator in `place`; the program's function is a constant in it. */
export function addCode(contents: WindowContents, code: ChainCode, place: string, value: string): string {
  switch (contents.kind) {
    case 'ELEMENTS':
      return `${place}.push(${value});`;
    case 'REDUCE': {
      const reduce = code.bind(reducerOf(contents.reduceFunction), 'reduce');
      const empty = code.bind(EMPTY, 'EMPTY');
      return `${place} = ${place} === ${empty} ? ${value} : ${reduce}(${place}, ${value});`;
    }
    case 'AGGREGATE':
      return `${place} = ${code.bind(contents.aggregateFunction, 'aggregate')}.add(${value}, ${place});`;
  }
}
