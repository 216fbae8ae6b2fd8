/**
 * Where a task gets its elements from: a source reader, or channels from other tasks.
 * `step` takes one bounded portion and never waits; `available` says when to come again.
 */

/** END_OF_DATA comes once: no record or watermark follows, barriers may. END: nothing follows. */
export type InputStep = 'MORE' | 'EMPTY' | 'END_OF_DATA' | 'END';

export interface TaskInput {
  /** Processes at most `maxRecords` records, or one event. */
  step(maxRecords: number): InputStep;
  /** Asks to be woken once there is something; called after `EMPTY`. */
  awaitData(wake: () => void, fail: (error: unknown) => void): void;
  /** Looks for checkpoint barriers that need not wait for the records in front of them. */
  lookAhead(): void;
  close(): void;
}
