/**
 * The enumerator of sources that know all their splits from the start: hands them out in order, one for each request, and
 * says so when there are no more.
 */
import type { SourceSplit, SplitEnumerator, SplitEnumeratorContext } from './source.ts';

/** Its checkpoint is the list of splits that are not assigned. */
export class StaticSplitEnumerator<SplitT extends SourceSplit> implements SplitEnumerator<SplitT, SplitT[]> {
  readonly #context: SplitEnumeratorContext<SplitT>;
  #remaining: SplitT[];

  constructor(context: SplitEnumeratorContext<SplitT>, splits: readonly SplitT[]) {
    this.#context = context;
    this.#remaining = [...splits];
  }

  start(): void {}

  addReader(): void {}

  handleSplitRequest(subtaskIndex: number): void {
    const split = this.#remaining.shift();
    if (split === undefined) this.#context.signalNoMoreSplits(subtaskIndex);
    else this.#context.assignSplit(split, subtaskIndex);
  }

  addSplitsBack(splits: readonly SplitT[]): void {
    this.#remaining = [...splits, ...this.#remaining];
  }

  snapshotState(): SplitT[] {
    return [...this.#remaining];
  }

  close(): void {}
}
