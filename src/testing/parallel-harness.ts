/**
 * Several subtasks of one operator, each under a harness of its own, that go on at another parallelism on request.
 *
 * Records of a keyed input go where their key belongs, those of an input without key to the next subtask in turn, and
 * those of a second input without key to all, as broadcast ones do. Watermarks go to all, or to one.
 *
 * @example
 * let harness = await ParallelHarness.open(definition, { parallelism: 2 });
 * harness.processElement({ key: 'a' }, 1000);
 * await harness.rescale(3);
 * harness.processWatermark(5000);
 */
import type { OutputTag } from '../connector/index.ts';
import type { OperatorDefinition, OperatorStateHandles } from '../operators/index.ts';
import { encodeKey, keyGroupOf, operatorIndexForKeyGroup, type StateBackendType } from '../state/index.ts';
import { type HarnessOptions, type HarnessOutput, OperatorHarness } from './operator-harness.ts';
import { VirtualClock } from './virtual-clock.ts';

export type ParallelHarnessOptions = Omit<HarnessOptions, 'subtaskIndex'>;

export class ParallelHarness<IN, OUT, IN2 = never> {
  readonly clock: VirtualClock;
  private readonly definition: OperatorDefinition;
  private readonly options: ParallelHarnessOptions;
  private readonly maxParallelism: number;
  private harnesses: readonly OperatorHarness<IN, OUT, IN2>[] = [];
  private turn = 0;
  private stateBackend: StateBackendType;

  private constructor(definition: OperatorDefinition, options: ParallelHarnessOptions) {
    this.definition = definition;
    this.options = options;
    this.clock = options.clock ?? new VirtualClock();
    this.maxParallelism = options.maxParallelism ?? 128;
    this.stateBackend = options.stateBackend ?? 'hashmap';
  }

  static async open<IN, OUT, IN2 = never>(
    definition: OperatorDefinition,
    options: ParallelHarnessOptions = {},
  ): Promise<ParallelHarness<IN, OUT, IN2>> {
    const harness = new ParallelHarness<IN, OUT, IN2>(definition, options);
    await harness.openSubtasks(options.parallelism ?? 1, options.restored);
    return harness;
  }

  get subtasks(): readonly OperatorHarness<IN, OUT, IN2>[] {
    return this.harnesses;
  }

  /** The subtask that a key belongs to. */
  subtaskOf(key: unknown): OperatorHarness<IN, OUT, IN2> {
    const keyGroup = keyGroupOf(encodeKey(key), this.maxParallelism);
    const index = operatorIndexForKeyGroup(keyGroup, this.harnesses.length, this.maxParallelism);
    return this.harnesses[index] as OperatorHarness<IN, OUT, IN2>;
  }

  processElement(value: IN, timestamp?: number): void {
    const keySelector = this.definition.keySelectors?.[0];
    const next = this.harnesses[this.turn++ % this.harnesses.length] as OperatorHarness<IN, OUT, IN2>;
    (keySelector ? this.subtaskOf(keySelector(value)) : next).processElement(value, timestamp);
  }

  processElement2(value: IN2, timestamp?: number): void {
    const keySelector = this.definition.keySelectors?.[1];
    if (keySelector) this.subtaskOf(keySelector(value)).processElement2(value, timestamp);
    else for (const harness of this.harnesses) harness.processElement2(value, timestamp);
  }

  processWatermark(timestamp: number): void {
    for (const harness of this.harnesses) harness.processWatermark(timestamp);
  }

  advanceProcessingTime(toMs: number): void {
    while (this.clock.nextTimerMs !== undefined && this.clock.nextTimerMs <= toMs) {
      this.clock.advanceTo(this.clock.nextTimerMs);
      for (const harness of this.harnesses) harness.runMails();
    }
    this.clock.advanceTo(toMs);
    for (const harness of this.harnesses) harness.runMails();
  }

  async settle(): Promise<void> {
    for (const harness of this.harnesses) await harness.settle();
  }

  async finish(): Promise<void> {
    for (const harness of this.harnesses) await harness.finish();
  }

  /** Of all subtasks, in their order. */
  async snapshot(options: { readonly canonical?: boolean } = {}): Promise<OperatorStateHandles[]> {
    const snapshots: OperatorStateHandles[] = [];
    for (const harness of this.harnesses) snapshots.push(await harness.snapshot(options));
    return snapshots;
  }

  /**
   * Ends the subtasks after a snapshot, and goes on from it with `parallelism` new ones, on another state backend if one is
   * given. Take the output before.
   */
  async rescale(parallelism: number, stateBackend = this.stateBackend): Promise<void> {
    const snapshots = await this.snapshot({ canonical: stateBackend !== this.stateBackend });
    await this.close();
    this.stateBackend = stateBackend;
    await this.openSubtasks(parallelism, snapshots);
  }

  async close(): Promise<void> {
    for (const harness of this.harnesses) await harness.close();
  }

  /** What each subtask has emitted since the last call, one after the other. */
  takeOutput(): HarnessOutput<OUT>[] {
    return this.harnesses.flatMap((harness) => harness.takeOutput());
  }

  takeValues(): OUT[] {
    return this.harnesses.flatMap((harness) => harness.takeValues());
  }

  takeSideOutput<S>(tag: OutputTag<S>): { value: S; timestamp: number }[] {
    return this.harnesses.flatMap((harness) => harness.takeSideOutput(tag));
  }

  private async openSubtasks(parallelism: number, restored?: readonly OperatorStateHandles[]): Promise<void> {
    const { clock, maxParallelism, definition, stateBackend } = this;
    const harnesses: OperatorHarness<IN, OUT, IN2>[] = [];
    for (let subtaskIndex = 0; subtaskIndex < parallelism; subtaskIndex++) {
      const { restored: _, ...options } = this.options;
      const ofSubtask = {
        ...options,
        clock,
        maxParallelism,
        stateBackend,
        parallelism,
        subtaskIndex,
        ...(restored ? { restored } : {}),
      };
      harnesses.push(await OperatorHarness.open<IN, OUT, IN2>(definition, ofSubtask));
    }
    this.harnesses = harnesses;
  }
}
