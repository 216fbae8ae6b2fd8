/**
 * A channel carries the records and events of one producing subtask to one consuming subtask, in order. It has two ends,
 * which may be on one thread, on two, or in two processes; neither end can tell.
 *
 * Neither end ever waits: `isAvailable` and `poll` say how things stand, and the callbacks when to look again. A producer
 * that goes on writing while the channel is not available (it is in the middle of a record) is served nevertheless; it
 * stops at its next opportunity.
 */
import type { ElementBatch, StreamEvent } from './stream-element.ts';

/** The producer's end (Flink's result subpartition). */
export interface ChannelWriter {
  /** @throws MillraceError `NOT_SERIALIZABLE` where the channel encodes, with the path of the field */
  write(value: unknown, timestamp: number): void;
  /** Comes behind everything written so far, and is seen by the reader without a flush. */
  writeEvent(event: StreamEvent): void;
  /** Lets the reader see what was written: called after the buffer timeout. */
  flush(): void;
  readonly isAvailable: boolean;
  /** Called on the producer's thread when the channel has become available again. */
  onAvailable: () => void;
  /** Bytes that went into it, for `numBytesOut`; 0 where nothing is encoded. */
  readonly bytesWritten: number;
  /** Batches or buffers that went into it, for `numBuffersOut`. */
  readonly buffersWritten: number;
  /** How much of the capacity is taken, from 0 to 1: for `outPoolUsage`. */
  readonly usage: number;
  /** The producer is gone, in order or not. */
  close(): void;
}

/** The consumer's end (Flink's input channel). */
export interface ChannelReader {
  /** The next batch or event; `undefined` if there is none now. A batch must be given back by `recycle`, before the next poll. */
  poll(): ElementBatch | StreamEvent | undefined;
  recycle(batch: ElementBatch): void;
  /** Called on the consumer's thread when there is something to poll. May be called too often. */
  onData: () => void;
  /**
   * Called when the producer cannot stop and the channel is full, on the one thread that both ends share: the consumer
   * should read now. Never called if the ends are on different threads.
   */
  drain: () => void;
  readonly isEmpty: boolean;
  /** Whether it is so full that its producer should pause. */
  readonly isFull: boolean;
  /** The newest checkpoint whose barrier waits in the channel, not yet polled; `undefined` if there is none. */
  readonly announcedBarrier: CheckpointAnnouncement | undefined;
  /** Called on the consumer's thread when a barrier has been written. */
  onBarrierAnnounced: () => void;
  /**
   * The records that wait in front of the barrier of `checkpointId`, and the events of event time between them, encoded as
   * `decodeElements` reads them; they stay in the channel. Called only while that barrier is announced.
   */
  captureUntilBarrier(checkpointId: number): Uint8Array;
  readonly bytesRead: number;
  readonly buffersRead: number;
  /** How much of the capacity is taken, from 0 to 1: for `inPoolUsage`. */
  readonly usage: number;
  close(): void;
}

export interface CheckpointAnnouncement {
  readonly checkpointId: number;
  /** The barrier as it will come. */
  readonly barrier: Extract<StreamEvent, { type: 'CHECKPOINT_BARRIER' }>;
}
