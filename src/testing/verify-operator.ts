/**
 * Runs one operator over one input in several ways that must not make a difference, and compares what comes out:
 * record by record; all records between two events in one batch; and with a snapshot and a restore into a new instance
 * after every input, and after every second one; and on the other state backend. At the end, no state may be left.
 *
 * Not covered: the order of records of different keys that one watermark releases (compared as a set within the run
 * between two watermarks). Processing time stands still but for the steps in the input, and at the end of input for an
 * operator that waits for something then.
 */
import { deepStrictEqual } from 'node:assert';
import type { OutputTag } from '../connector/index.ts';
import type { OperatorDefinition, OperatorStateHandles } from '../operators/index.ts';
import type { StateBackendType } from '../state/index.ts';
import { type HarnessOutput, OperatorHarness } from './operator-harness.ts';
import { VirtualClock } from './virtual-clock.ts';

export type VerifyInput =
  | { readonly value: any; readonly timestamp: number; readonly input?: 0 | 1 }
  | { readonly watermark: number }
  /** Moves processing time on by this much. */
  | { readonly advanceMs: number };

export interface VerifyOptions {
  /** A fresh definition for each run, and for each restore in it; `clock` is that of the run. */
  readonly definition: (clock: VirtualClock) => OperatorDefinition;
  readonly input: readonly VerifyInput[];
  readonly sideOutputs?: readonly OutputTag<any>[];
  /** What must come out; without it, the runs are only compared with each other. */
  readonly expected?: readonly any[];
  /** Whether state may be left at the end of time. */
  readonly mayLeaveState?: boolean;
}

export interface VerifyResult {
  readonly output: readonly HarnessOutput<any>[];
  readonly sideOutputs: Readonly<Record<string, readonly { value: any; timestamp: number }[]>>;
}

/** @returns what came out of the run record by record @throws AssertionError if two runs differ */
export async function verifyOperator(options: VerifyOptions): Promise<VerifyResult> {
  const reference = await run(options, 'BY_RECORD', 0);
  if (options.expected) {
    const values = reference.output.flatMap((o) => ('value' in o ? [o.value] : []));
    deepStrictEqual(values, [...options.expected], 'record by record');
  }
  for (const [name, mode, restoreEvery, stateBackend] of [
    ['in batches', 'BATCHED', 0, 'hashmap'],
    ['restored after every input', 'BY_RECORD', 1, 'hashmap'],
    ['restored after every second input', 'BY_RECORD', 2, 'hashmap'],
    ["on the state backend 'hashlog'", 'BATCHED', 0, 'hashlog'],
    ["restored after every second input on the state backend 'hashlog'", 'BY_RECORD', 2, 'hashlog'],
  ] as const) {
    const other = await run(options, mode, restoreEvery, stateBackend);
    deepStrictEqual(normalise(other.output), normalise(reference.output), name);
    for (const tag of options.sideOutputs ?? []) {
      deepStrictEqual(other.sideOutputs[tag.id], reference.sideOutputs[tag.id], `side output ${tag.id}, ${name}`);
    }
  }
  return reference;
}

async function run(
  options: VerifyOptions,
  mode: 'BY_RECORD' | 'BATCHED',
  restoreEvery: number,
  stateBackend: StateBackendType = 'hashmap',
): Promise<VerifyResult> {
  const output: HarnessOutput<any>[] = [];
  const sideOutputs: Record<string, { value: any; timestamp: number }[]> = {};
  const clock = new VirtualClock();
  const open = (restored?: OperatorStateHandles): Promise<OperatorHarness<any, any, any>> =>
    OperatorHarness.open(options.definition(clock), {
      clock,
      stateBackend,
      sideOutputs: options.sideOutputs,
      ...(restored ? { restored: [restored] } : {}),
    });
  let harness = await open();
  const take = (): void => {
    output.push(...harness.takeOutput());
    for (const tag of options.sideOutputs ?? []) {
      sideOutputs[tag.id] = [...(sideOutputs[tag.id] ?? []), ...harness.takeSideOutput<any>(tag)];
    }
  };
  let batch: { value: any; timestamp: number }[] = [];
  const flush = (): void => {
    if (batch.length > 0) harness.processBatch(batch);
    batch = [];
  };
  for (const [i, input] of options.input.entries()) {
    if ('watermark' in input) {
      flush();
      harness.processWatermark(input.watermark);
    } else if ('advanceMs' in input) {
      flush();
      await harness.settle();
      harness.advanceProcessingTime(clock.currentTimeMs() + input.advanceMs);
      await harness.settle();
    } else if (input.input === 1) {
      flush();
      harness.processElement2(input.value, input.timestamp);
    } else if (mode === 'BATCHED') batch.push(input);
    else harness.processElement(input.value, input.timestamp);
    if (restoreEvery > 0 && (i + 1) % restoreEvery === 0) {
      await harness.settle();
      take();
      const snapshot = await harness.snapshot();
      await harness.close();
      harness = await open(snapshot);
    }
  }
  flush();
  await harness.settle();
  await harness.finish();
  take();
  if (!options.mayLeaveState) {
    deepStrictEqual(harness.stateLeft(), { entries: {}, eventTimers: 0, processingTimers: 0 }, 'state that is left at the end');
  }
  await harness.close();
  return { output, sideOutputs };
}

/** Sorts the records between two events: which key's window fires first is nobody's business. */
function normalise(output: readonly HarnessOutput<any>[]): unknown[] {
  const result: unknown[] = [];
  let records: string[] = [];
  const flush = (): void => {
    result.push(...records.sort());
    records = [];
  };
  for (const element of output) {
    if ('value' in element) records.push(JSON.stringify([element.value, element.timestamp], replacer));
    else {
      flush();
      result.push(element);
    }
  }
  flush();
  return result;
}

function replacer(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value instanceof Map || value instanceof Set) return [...value];
  return value;
}
