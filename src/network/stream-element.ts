/**
 * What travels on a channel: batches of records, and between them in-band events, in order.
 */
export type StreamEvent =
  | { readonly type: 'WATERMARK'; readonly timestamp: number }
  /** Idle: no watermarks come until it is active again. */
  | { readonly type: 'WATERMARK_STATUS'; readonly idle: boolean }
  | { readonly type: 'END_OF_DATA' };

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
