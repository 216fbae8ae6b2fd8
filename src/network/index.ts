export { LocalChannel } from './local-channel.ts';
export { BATCH_CAPACITY, ElementBatch, type StreamEvent } from './stream-element.ts';
export { WatermarkValve, type WatermarkValveOutput } from './watermark-valve.ts';
