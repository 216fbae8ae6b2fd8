/**
 * Hands what it receives to the program: for tests and small results.
 *
 * The subtasks may run in other threads or processes than the program, so values travel to the program's own instance of
 * the sink. Without checkpoints they do so at once, in batches. With checkpoints they are the committables of a two-phase sink:
 * kept in memory and in the checkpoint until it is complete, so each is seen once, whatever fails meanwhile. A batch that a
 * restore commits again carries the id that it had, and is passed over. A program that is started anew from a checkpoint
 * cannot know which batches the earlier one has seen: it gets those that the checkpoint holds.
 */
import { MillraceError, type TimerHandle } from '../../common/index.ts';
import type { Committer, CommittingSinkWriter, Sink, SinkInitContext } from '../../connector/index.ts';

/** Values on their way to the program. */
export interface CollectedBatch<T> {
  /** Of a batch that may come again. */
  readonly id?: string;
  readonly values: readonly T[];
}

let arrivesElsewhere = false;

/** For a thread that runs the program once more, and whose sinks are not those that receive. */
export function expectNoCollectedValues(): void {
  arrivesElsewhere = true;
}

const MAX_BATCH_VALUES = 1000;
const SEND_AFTER_MS = 10;

export class CollectSink<T> implements Sink<T, CollectedBatch<T>> {
  readonly name = 'Collect Sink';
  readonly deliveryGuarantee = 'EXACTLY_ONCE';
  readonly #values: T[] = [];
  readonly #onValue: (value: T) => void;
  readonly #seen = new Set<string>();

  /** @param onValue called with each value instead of keeping it */
  constructor(onValue?: (value: T) => void) {
    this.#onValue = onValue ?? ((value) => this.#values.push(value));
  }

  /**
   * What has arrived so far, in order for each subtask; empty if the sink has a callback.
   * @throws MillraceError `ILLEGAL_STATE` on a thread that runs the program once more, where nothing arrives
   */
  get values(): T[] {
    if (!arrivesElsewhere) return this.#values;
    throw new MillraceError(
      'ILLEGAL_STATE',
      "What a CollectSink collects is on the program's own thread only, so a job cannot be built from it when slots have threads of their own.",
    );
  }

  createWriter(context: SinkInitContext): CommittingSinkWriter<T, CollectedBatch<T>> {
    return context.checkpointingEnabled ? new TwoPhaseWriter<T>(context) : new DirectWriter<T>(context);
  }

  createCommitter(context: SinkInitContext): Committer<CollectedBatch<T>> {
    return {
      commit(batches) {
        for (const batch of batches) context.sendToCoordinator(batch);
      },
      close() {},
    };
  }

  receive(event: unknown): void {
    const { id, values } = event as CollectedBatch<T>;
    if (id !== undefined) {
      if (this.#seen.has(id)) return;
      this.#seen.add(id);
    }
    for (const value of values) this.#onValue(value);
  }
}

class DirectWriter<T> implements CommittingSinkWriter<T, CollectedBatch<T>> {
  readonly #context: SinkInitContext;
  #values: T[] = [];
  #timer: TimerHandle | undefined;

  constructor(context: SinkInitContext) {
    this.#context = context;
  }

  write(value: T): void {
    this.#values.push(value);
    if (this.#values.length >= MAX_BATCH_VALUES) this.flush();
    else this.#timer ??= this.#context.clock.setTimer(SEND_AFTER_MS, () => this.flush());
  }

  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#values.length === 0) return;
    const values = this.#values;
    this.#values = [];
    this.#context.sendToCoordinator({ values } satisfies CollectedBatch<T>);
  }

  prepareCommit(): CollectedBatch<T>[] {
    return [];
  }

  close(): void {
    this.#timer?.cancel();
  }
}

class TwoPhaseWriter<T> implements CommittingSinkWriter<T, CollectedBatch<T>> {
  readonly #idPrefix: string;
  #values: T[] = [];
  #batches = 0;

  constructor({ attemptNumber, random, subtaskIndex }: SinkInitContext) {
    const unique = Math.floor(random.next() * 2 ** 52).toString(36);
    this.#idPrefix = `${unique}-${attemptNumber}-${subtaskIndex}`;
  }

  write(value: T): void {
    this.#values.push(value);
  }

  flush(): void {}

  prepareCommit(): CollectedBatch<T>[] {
    if (this.#values.length === 0) return [];
    const values = this.#values;
    this.#values = [];
    return [{ id: `${this.#idPrefix}-${this.#batches++}`, values }];
  }

  close(): void {}
}
