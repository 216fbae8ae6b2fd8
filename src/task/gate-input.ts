/**
 * The input gate of a task on channels: reads them in turn, combines their watermarks, and notices when they end.
 */
import { ElementBatch, type LocalChannel, type StreamEvent, WatermarkValve } from '../network/index.ts';
import type { OperatorChain } from './operator-chain.ts';
import type { InputStep, TaskInput } from './task-input.ts';

export interface InputChannel {
  readonly channel: LocalChannel;
  /** Which input of the head operator it feeds: 0 or 1. */
  readonly input: number;
}

export class GateInput implements TaskInput {
  private readonly channels: readonly InputChannel[];
  private readonly chain: OperatorChain;
  private readonly valve: WatermarkValve;
  private readonly ended: boolean[];
  private openChannels: number;
  private next = 0;
  /** The batch that was begun, how far it is, and the channel it came from. */
  private batch: ElementBatch | undefined;
  private position = 0;
  private batchChannel = 0;

  constructor(channels: readonly InputChannel[], chain: OperatorChain) {
    this.channels = channels;
    this.chain = chain;
    this.ended = channels.map(() => false);
    this.openChannels = channels.length;
    this.valve = new WatermarkValve(channels.length, {
      emitWatermark: (t) => chain.processWatermark(t),
      emitIdle: (idle) => chain.processIdle(idle),
    });
  }

  step(maxRecords: number): InputStep {
    if (this.batch === undefined && !this.take()) return this.openChannels === 0 ? 'END' : 'EMPTY';
    const { batch } = this;
    if (batch !== undefined) this.processRecords(batch, maxRecords);
    return this.openChannels === 0 ? 'END' : 'MORE';
  }

  awaitData(): void {
    // Channels wake the task by themselves whenever something is written.
  }

  private processRecords(batch: ElementBatch, maxRecords: number): void {
    const { input, channel } = this.channels[this.batchChannel] as InputChannel;
    const end = Math.min(batch.length, this.position + maxRecords);
    const begin = this.position;
    this.position = end;
    (this.chain.compiled.inputs[input] as (typeof this.chain.compiled.inputs)[0])(batch.values, batch.timestamps, begin, end);
    if (end === batch.length) {
      this.batch = undefined;
      channel.recycle(batch);
    }
  }

  /** Takes the next element of any channel, round robin; events are processed at once. `false` if all are empty. */
  private take(): boolean {
    for (let tried = 0; tried < this.channels.length; tried++) {
      const index = this.next;
      this.next = (index + 1) % this.channels.length;
      const element = (this.channels[index] as InputChannel).channel.poll();
      if (element === undefined) continue;
      if (element instanceof ElementBatch) {
        this.batch = element;
        this.position = 0;
        this.batchChannel = index;
      } else this.processEvent(index, element);
      return true;
    }
    return false;
  }

  private processEvent(index: number, event: StreamEvent): void {
    switch (event.type) {
      case 'WATERMARK':
        this.valve.watermark(index, event.timestamp);
        break;
      case 'WATERMARK_STATUS':
        this.valve.status(index, event.idle);
        break;
      case 'END_OF_DATA':
        this.endChannel(index);
        break;
    }
  }

  private endChannel(index: number): void {
    this.ended[index] = true;
    this.openChannels--;
    this.valve.end(index);
    const { input } = this.channels[index] as InputChannel;
    const inputEnded = this.channels.every((c, i) => c.input !== input || this.ended[i]);
    if (inputEnded) this.chain.head.operator.endInput?.(input);
  }
}
