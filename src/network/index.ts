export type { ChannelReader, ChannelWriter, CheckpointAnnouncement } from './channel.ts';
export { decodeRecords, encodeRecords } from './in-flight-records.ts';
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
export { WatermarkValve, type WatermarkValveOutput } from './watermark-valve.ts';
