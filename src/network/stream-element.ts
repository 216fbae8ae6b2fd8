/**
 * What travels on a channel: batches of records, and between them in-band events, in order.
 */
export type StreamEvent =
  | { readonly type: 'WATERMARK'; readonly timestamp: number }
  /** Idle: no watermarks come until it is active again. */
  | { readonly type: 'WATERMARK_STATUS'; readonly idle: boolean }
  | CheckpointBarrier
  /** The last record and watermark came; barriers may follow. `drained`: that of a savepoint does. */
  | { readonly type: 'END_OF_DATA'; readonly drained?: true }
  /** Nothing follows. */
  | { readonly type: 'END_OF_PARTITION' };

/** Separates the records before a checkpoint from those after it. */
export interface CheckpointBarrier {
  readonly type: 'CHECKPOINT_BARRIER';
  readonly checkpointId: number;
  /** When the coordinator triggered it, in milliseconds since the epoch. */
  readonly timestampMs: number;
  readonly options: CheckpointOptions;
}

export interface CheckpointOptions {
  readonly kind: 'CHECKPOINT' | 'SAVEPOINT';
  /** UNALIGNED: data that barriers overtake becomes part of the checkpoint. Savepoints are always aligned. */
  readonly alignment: 'ALIGNED' | 'UNALIGNED';
  /** An aligned checkpoint goes on as an unaligned one when it has been aligning for so long; absent: never. */
  readonly alignedTimeoutMs?: number;
  /** Of a savepoint with which the job stops: TERMINATE closes event time (drain), SUSPEND does not. */
  readonly stop?: 'SUSPEND' | 'TERMINATE';
  /** Where its files go, on the file system of the checkpoints. */
  readonly directory: string;
}

/** Records `[0, length)`; the arrays are reused. */
export class ElementBatch {
  readonly values: unknown[];
  readonly timestamps: Float64Array;
  length = 0;

  constructor(capacity: number) {
    this.values = new Array(capacity);
    this.timestamps = new Float64Array(capacity);
  }
}

export const BATCH_CAPACITY = 1024;
