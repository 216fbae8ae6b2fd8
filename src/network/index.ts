export type { ChannelReader, ChannelWriter, CheckpointAnnouncement } from './channel.ts';
export { decodeRecords, encodeRecords } from './in-flight-records.ts';
export { LocalChannel } from './local-channel.ts';
export {
  BATCH_CAPACITY,
  type CheckpointBarrier,
  type CheckpointOptions,
  ElementBatch,
  type StreamEvent,
} from './stream-element.ts';
export { WatermarkValve, type WatermarkValveOutput } from './watermark-valve.ts';
