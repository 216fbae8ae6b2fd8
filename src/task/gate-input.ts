/**
 * The input gate of a task on channels: reads them in turn, combines their watermarks, hands barriers to the barrier
 * handler, and notices when channels end.
 *
 * Invariant: a channel that is blocked by an alignment is not read. What was in flight in the checkpoint that the task
 * goes on from comes before all else, and no checkpoint is taken before it has.
 */
import {
  type ChannelReader,
  ElementBatch,
  type StreamEvent,
  WatermarkValve,
  type WatermarkValveState,
} from '../network/index.ts';
import type { InputTime } from '../protocol/index.ts';
import { type BarrierHandlerDependencies, CheckpointBarrierHandler } from './checkpoint-barrier-handler.ts';
import { type InFlightOfSubtask, type ReplayTarget, replayMoved, replayThrough } from './in-flight-replay.ts';
import type { OperatorChain } from './operator-chain.ts';
import type { InputStep, TaskInput } from './task-input.ts';

export interface InputChannel {
  readonly channel: ChannelReader;
  /** Which input of the head operator it feeds: 0 or 1. */
  readonly input: number;
  /** The position of its edge in the vertex's list. */
  readonly edge: number;
  readonly producerSubtask: number;
  readonly canBeUnaligned: boolean;
}

/** What the input of a task goes on from. */
export interface RestoredInput {
  /** All that feeds the task is as it was: where its channels were. What is in flight is its own, then. */
  readonly time: WatermarkValveState | undefined;
  readonly inFlight: readonly InFlightOfSubtask[];
}

export type GateDependencies = Omit<BarrierHandlerDependencies, 'begunBatch'>;

export class GateInput implements TaskInput {
  readonly barriers: CheckpointBarrierHandler;
  private readonly channels: readonly InputChannel[];
  private readonly chain: OperatorChain;
  private readonly valve: WatermarkValve;
  private readonly endedData: boolean[];
  private readonly endedPartitions: boolean[];
  /** Not replayed yet. */
  private restored: RestoredInput | undefined;
  private channelsWithData: number;
  private openChannels: number;
  private dataEnded = false;
  private drained = false;
  private next = 0;
  /** The batch that was begun, how far it is, and the channel it came from. */
  private batch: ElementBatch | undefined;
  private position = 0;
  private batchChannel = 0;

  constructor(
    channels: readonly InputChannel[],
    chain: OperatorChain,
    restored: RestoredInput | undefined,
    dependencies: GateDependencies,
  ) {
    this.channels = channels;
    this.chain = chain;
    this.restored = restored;
    this.endedData = channels.map(() => false);
    this.endedPartitions = channels.map(() => false);
    this.channelsWithData = channels.length;
    this.openChannels = channels.length;
    const output = {
      emitWatermark: (t: number) => chain.processWatermark(t),
      emitIdle: (idle: boolean) => chain.processIdle(idle),
    };
    this.valve = restored?.time ? WatermarkValve.restore(restored.time, output) : new WatermarkValve(channels.length, output);
    this.barriers = new CheckpointBarrierHandler(channels, {
      ...dependencies,
      begunBatch: () => this.batch && { channel: this.batchChannel, batch: this.batch, from: this.position },
    });
  }

  /** Whether the data ended for a savepoint with which the job stops: its barrier follows. */
  get isDrained(): boolean {
    return this.drained;
  }

  /** Where event time is, for a snapshot. */
  get time(): InputTime {
    const { emitted, idle, channels } = this.valve.state;
    const named = channels.map((time, i) => {
      const { edge, producerSubtask } = this.channels[i] as InputChannel;
      return { edge, producerSubtask, ...time };
    });
    return { emitted, idle, channels: named };
  }

  lookAhead(): void {
    // What is still to be replayed would be in no part of a checkpoint that is taken now.
    if (this.restored === undefined) this.barriers.lookAhead();
  }

  step(maxRecords: number): InputStep {
    if (this.restored !== undefined) {
      this.replay(this.restored);
      this.restored = undefined;
      return 'MORE';
    }
    if (this.batch === undefined && !this.take()) return this.state('EMPTY');
    const { batch } = this;
    if (batch !== undefined) this.processRecords(batch, maxRecords);
    return this.state('MORE');
  }

  awaitData(): void {
    // Channels wake the task by themselves whenever something is written.
  }

  close(): void {
    this.barriers.close();
    for (const { channel } of this.channels) channel.close();
  }

  private state(otherwise: InputStep): InputStep {
    if (!this.dataEnded && this.channelsWithData === 0) {
      this.dataEnded = true;
      return 'END_OF_DATA';
    }
    return this.openChannels === 0 ? 'END' : otherwise;
  }

  private replay({ time, inFlight }: RestoredInput): void {
    const { chain, valve } = this;
    const target: ReplayTarget = {
      process: (input, { values, timestamps }) => this.processInput(input, values, timestamps, 0, values.length),
      processWatermark: (timestamp) => chain.processWatermark(timestamp),
    };
    if (time === undefined) {
      replayMoved(inFlight, target);
      return;
    }
    // Operators that make time anew, and those to which its end counts as none, hear again what was said.
    chain.processWatermark(valve.emitted);
    if (valve.isIdle) chain.processIdle(true);
    for (const { channels } of inFlight) replayThrough(valve, channels, target);
  }

  private processRecords(batch: ElementBatch, maxRecords: number): void {
    const { input, channel } = this.channels[this.batchChannel] as InputChannel;
    const end = Math.min(batch.length, this.position + maxRecords);
    const begin = this.position;
    this.position = end;
    this.processInput(input, batch.values, batch.timestamps, begin, end);
    if (end === batch.length) {
      this.batch = undefined;
      channel.recycle(batch);
    }
  }

  private processInput(input: number, values: readonly unknown[], timestamps: Float64Array, from: number, to: number): void {
    (this.chain.compiled.inputs[input] as (typeof this.chain.compiled.inputs)[0])(values, timestamps, from, to);
  }

  /** Takes the next element of any channel, round robin; events are processed at once. `false` if all are empty. */
  private take(): boolean {
    for (let tried = 0; tried < this.channels.length; tried++) {
      const index = this.next;
      this.next = index + 1 === this.channels.length ? 0 : index + 1;
      if (this.barriers.isBlocked(index)) continue;
      const element = (this.channels[index] as InputChannel).channel.poll();
      if (element === undefined) continue;
      if (element instanceof ElementBatch) {
        this.barriers.batchTaken(index, element);
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
        this.barriers.eventTaken(index, event);
        this.valve.watermark(index, event.timestamp);
        break;
      case 'WATERMARK_STATUS':
        this.barriers.eventTaken(index, event);
        this.valve.status(index, event.idle);
        break;
      case 'CHECKPOINT_BARRIER':
        this.barriers.barrier(index, event);
        break;
      case 'END_OF_DATA':
        this.drained ||= event.drained === true;
        this.endData(index);
        break;
      case 'END_OF_PARTITION':
        this.endPartition(index);
        break;
    }
  }

  private endData(index: number): void {
    this.endedData[index] = true;
    this.channelsWithData--;
    this.valve.end(index);
    const { input } = this.channels[index] as InputChannel;
    const inputEnded = this.channels.every((c, i) => c.input !== input || this.endedData[i]);
    if (inputEnded) this.chain.head.operator.endInput?.(input);
  }

  private endPartition(index: number): void {
    if (this.endedPartitions[index]) return;
    this.endedPartitions[index] = true;
    this.openChannels--;
    this.barriers.endOfPartition(index);
  }
}
