export type { ChannelReader, ChannelWriter, CheckpointAnnouncement } from './channel.ts';
export {
  decodeElements,
  encodeEvent,
  encodeRecords,
  type InFlightEvent,
  type InFlightRecords,
  isInFlightEvent,
} from './in-flight-elements.ts';
export { LocalChannel } from './local-channel.ts';
export { createRing, DEFAULT_RING_BYTES } from './ring.ts';
export { RingChannelReader } from './ring-channel-reader.ts';
export { type RingChannelDependencies, RingChannelWriter } from './ring-channel-writer.ts';
export {
  BATCH_CAPACITY,
  type CheckpointBarrier,
  type CheckpointOptions,
  ElementBatch,
  type StreamEvent,
} from './stream-element.ts';
export { createDoorbell, type DoorbellEnd, RemoteBell, ThreadDoorbell } from './thread-doorbell.ts';
export {
  type ValveChannelState,
  WatermarkValve,
  type WatermarkValveOutput,
  type WatermarkValveState,
} from './watermark-valve.ts';
