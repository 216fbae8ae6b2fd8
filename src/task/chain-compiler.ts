/**
 * Compiles an operator chain into one generated function per input.
 *
 * Why: a record that passes a chain through shared collector classes costs a megamorphic call per operator; in one
 * generated function the user's functions are constants that the JIT inlines. Every generated source carries a unique id,
 * because V8 shares type feedback between functions of identical source text.
 *
 * Invariants: records are processed in order, each one to the end of the chain before the next; `pos` and `cur` always
 * name the operator at work and the record that it got, so that a failure can name both; counters are exact at the end of
 * every batch. Only names made here and constants bound here appear in the code: never a string of the user's.
 */
import { invariant } from '../common/index.ts';
import type { ChainCode, KeySelector, StreamOperator } from '../operators/index.ts';

/** Takes records `[from, to)`; `timestamps` is absent if none of them has one. */
export type BatchFunction = (values: readonly unknown[], timestamps: Float64Array | undefined, from: number, to: number) => void;
export type CollectFunction = (value: unknown, timestamp: number) => void;

/** The end of a chain: where its records go on to another task. */
export interface RecordWriter {
  write(value: unknown, timestamp: number): void;
}

/** Where the records of an output go: on to an operator of the chain, or out of it. */
export type ChainTarget = { readonly node: number } | { readonly writer: RecordWriter };

export interface ChainNode {
  readonly operator: StreamOperator;
  /** By input; only the head has more than one. */
  readonly keySelectors: readonly (KeySelector<unknown> | undefined)[];
  /** Present if the operator is keyed. */
  readonly setCurrentKey?: (key: unknown) => void;
  readonly inputCount: number;
  readonly mainTargets: readonly ChainTarget[];
  readonly sideTargets: ReadonlyMap<string, readonly ChainTarget[]>;
}

export interface CompiledChain {
  /** By input of the head. */
  readonly inputs: readonly BatchFunction[];
  /** By node: what its `Output.collect` calls; absent for operators that are written into the code. */
  readonly collects: readonly (CollectFunction | undefined)[];
  /** By node: what `Output.collectTo` calls, by tag id. */
  readonly sideCollects: readonly ReadonlyMap<string, CollectFunction>[];
  /** By node: slots of {@link ChainCounters} that hold its records in and out. */
  readonly inSlots: readonly number[];
  readonly outSlots: readonly number[];
  readonly counters: Float64Array;
  readonly source: string;
}

/** Throws the error of a user function with everything that is known about it. */
export type FailFunction = (thrown: unknown, node: number, record: unknown) => never;

/** Deeper chains go on in a function of their own: the JIT refuses to optimise very large functions. */
const MAX_INLINE_DEPTH = 16;

let nextChainId = 1;

export function compileChain(nodes: readonly ChainNode[], fail: FailFunction): CompiledChain {
  const chainId = nextChainId++;
  const constants = new Map<string, unknown>();
  const declarations: string[] = [];
  const functions = new Map<string, string>();
  let nextName = 0;

  const local = (hint: string): string => `${hint}_${nextName++}`;
  const bind = (value: unknown, hint: string): string => {
    const name = local(hint);
    constants.set(name, value);
    return name;
  };

  const { inSlots, outSlots, slotCount } = assignSlots(nodes);
  const counters = new Float64Array(slotCount);
  const C = bind(counters, 'C');
  const FAIL = bind(fail, 'fail');

  const targetCode = (targets: readonly ChainTarget[], value: string, time: string, depth: number): string =>
    targets
      .map((target) =>
        'writer' in target
          ? `${writerName(target.writer)}.write(${value}, ${time});`
          : nodeCode(target.node, 0, value, time, depth + 1),
      )
      .join('\n');

  const writers = new Map<RecordWriter, string>();
  const writerName = (writer: RecordWriter): string => {
    let name = writers.get(writer);
    if (name === undefined) writers.set(writer, (name = bind(writer, 'writer')));
    return name;
  };

  /** The statements that emit from a node: count, then go on to every target. */
  const emitCode = (node: number, value: string, time: string, depth: number): string => {
    const { operator, mainTargets } = nodes[node] as ChainNode;
    const count = operator.oneToOne ? '' : `${C}[${outSlots[node]}]++;\n`;
    return count + targetCode(mainTargets, value, time, depth);
  };

  const nodeCode = (index: number, input: number, value: string, time: string, depth: number): string => {
    const node = nodes[index] as ChainNode;
    if (depth > MAX_INLINE_DEPTH) {
      const name = `enter_${index}`;
      defineFunction(name, () => nodeCode(index, input, 'value', 'time', 0));
      return `${name}(${value}, ${time});`;
    }
    const atWork = `pos = ${index}; cur = ${value};`;
    const lines = [atWork];
    const selector = node.keySelectors[input];
    if (selector && node.setCurrentKey) {
      lines.push(`${bind(node.setCurrentKey, 'setCurrentKey')}(${bind(selector, 'keyOf')}(${value}));`);
    }
    const { operator } = node;
    const inline = input === 0 ? operator.inline : operator.inline2;
    if (inline) {
      const code: ChainCode = {
        bind,
        local,
        declare: (statement) => void declarations.push(statement),
        collect: () => collectFunction(index),
        atWork: () => atWork,
      };
      lines.push(inline.call(operator, code, value, time, (v, t) => emitCode(index, v, t, depth)));
    } else {
      invariant(input === 0 ? operator.processElement : operator.processElement2, `operator ${index} takes no input ${input}`);
      lines.push(`${operatorName(index)}.processElement${input === 0 ? '' : '2'}(${value}, ${time});`);
    }
    return lines.join('\n');
  };

  const operators = new Map<number, string>();
  const operatorName = (index: number): string => {
    let name = operators.get(index);
    if (name === undefined) operators.set(index, (name = bind((nodes[index] as ChainNode).operator, 'operator')));
    return name;
  };

  const defineFunction = (name: string, body: () => string): string => {
    if (functions.has(name)) return name;
    functions.set(name, '');
    functions.set(
      name,
      `function ${name}(value, time) {
let pos = -1, cur;
try {
${body()}
} catch (thrown) { ${FAIL}(thrown, pos, cur); }
}`,
    );
    return name;
  };

  const collectFunction = (index: number): string => {
    return defineFunction(`collect_${index}`, () => emitCode(index, 'value', 'time', 0));
  };

  const sideFunction = (index: number, tag: string, position: number): string => {
    const targets = (nodes[index] as ChainNode).sideTargets.get(tag) ?? [];
    const counts = targets.map((t) => ('node' in t ? `${C}[${inSlots[t.node]}]++;\n` : ''));
    return defineFunction(`side_${index}_${position}`, () => counts.join('') + targetCode(targets, 'value', 'time', 0));
  };

  const head = nodes[0] as ChainNode;
  const inputFunctions = Array.from({ length: head.inputCount }, (_, input) => {
    const body = nodeCode(0, input, 'value', 'time', 0);
    return `function input_${input}(values, times, from, to) {
let pos = -1, cur;
${C}[${inSlots[0]}] += to - from;
try {
for (let i = from; i < to; i++) {
const value = values[i];
const time = times === undefined ? -Infinity : times[i];
${body}
}
} catch (thrown) { ${FAIL}(thrown, pos, cur); }
}`;
  });
  nodes.forEach((node, i) => {
    if (!node.operator.inline) collectFunction(i);
  });
  const sideNames = nodes.map((node, i) => [...node.sideTargets.keys()].map((tag, p) => [tag, sideFunction(i, tag, p)] as const));

  const source = `"use strict";
// chain ${chainId}
${declarations.join('\n')}
${[...functions.values()].join('\n')}
${inputFunctions.join('\n')}
return {
inputs: [${inputFunctions.map((_, i) => `input_${i}`).join(', ')}],
collects: [${nodes.map((_, i) => (functions.has(`collect_${i}`) ? `collect_${i}` : 'undefined')).join(', ')}],
sides: [${sideNames.map((s) => `[${s.map(([, name]) => name).join(', ')}]`).join(', ')}],
};
//# sourceURL=millrace://chain/${chainId}`;
  const made = new Function(...constants.keys(), source)(...constants.values()) as {
    inputs: BatchFunction[];
    collects: (CollectFunction | undefined)[];
    sides: CollectFunction[][];
  };
  return {
    inputs: made.inputs,
    collects: made.collects,
    sideCollects: sideNames.map((s, i) => new Map(s.map(([tag], p) => [tag, made.sides[i]?.[p] as CollectFunction]))),
    inSlots,
    outSlots,
    counters,
    source,
  };
}

/** A record in is what some operator put out; one-to-one operators put out what they take in. Such pairs share a slot. */
function assignSlots(nodes: readonly ChainNode[]): { inSlots: number[]; outSlots: number[]; slotCount: number } {
  let slotCount = 1;
  const inSlots: number[] = new Array(nodes.length).fill(-1);
  const outSlots: number[] = new Array(nodes.length).fill(-1);
  inSlots[0] = 0;
  const sideIn = new Set<number>();
  for (const node of nodes) {
    for (const targets of node.sideTargets.values()) for (const t of targets) if ('node' in t) sideIn.add(t.node);
  }
  nodes.forEach((node, i) => {
    if (inSlots[i] === -1) inSlots[i] = slotCount++;
    outSlots[i] = node.operator.oneToOne ? (inSlots[i] as number) : slotCount++;
    for (const target of node.mainTargets)
      if ('node' in target && !sideIn.has(target.node)) inSlots[target.node] = outSlots[i] as number;
  });
  return { inSlots, outSlots, slotCount };
}
