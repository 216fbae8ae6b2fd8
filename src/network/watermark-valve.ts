/**
 * Combines the watermarks and idleness of several channels, as Flink's StatusWatermarkValve does.
 *
 * Promise: emitted watermarks only grow. A channel counts if it is active and has caught up: one that was idle and comes
 * back behind the watermark already emitted does not hold time back until it has reached it. When the last active channel
 * goes idle, the highest watermark of all is flushed first, because nobody is left to contradict it.
 *
 * Its state is part of checkpoints: after a restore a channel may say nothing for a while, or for ever, and what it had said
 * before still decides what is late.
 */
export interface WatermarkValveOutput {
  emitWatermark(timestamp: number): void;
  emitIdle(idle: boolean): void;
}

/** Pure data. */
export interface WatermarkValveState {
  /** The last watermark that was emitted; −∞ before the first. */
  readonly emitted: number;
  readonly idle: boolean;
  readonly channels: readonly ValveChannelState[];
}

export interface ValveChannelState {
  readonly watermark: number;
  readonly idle: boolean;
  readonly ended: boolean;
}

type ChannelStatus = { -readonly [K in keyof ValveChannelState]: ValveChannelState[K] };

export class WatermarkValve {
  private readonly channels: ChannelStatus[];
  private readonly output: WatermarkValveOutput;
  private lastEmitted = Number.NEGATIVE_INFINITY;
  private idle = false;

  constructor(channelCount: number, output: WatermarkValveOutput) {
    this.output = output;
    this.channels = Array.from({ length: channelCount }, () => ({
      watermark: Number.NEGATIVE_INFINITY,
      idle: false,
      ended: false,
    }));
  }

  /** One that goes on where another was; emits nothing by itself. */
  static restore({ emitted, idle, channels }: WatermarkValveState, output: WatermarkValveOutput): WatermarkValve {
    const valve = new WatermarkValve(0, output);
    for (const { watermark, idle, ended } of channels) valve.channels.push({ watermark, idle, ended });
    valve.lastEmitted = emitted;
    valve.idle = idle;
    return valve;
  }

  get state(): WatermarkValveState {
    return { emitted: this.lastEmitted, idle: this.idle, channels: this.channels.map((c) => ({ ...c })) };
  }

  get emitted(): number {
    return this.lastEmitted;
  }

  get isIdle(): boolean {
    return this.idle;
  }

  watermark(channel: number, timestamp: number): void {
    const status = this.channels[channel] as ChannelStatus;
    if (status.idle || timestamp <= status.watermark) return;
    status.watermark = timestamp;
    this.emitMinimum();
  }

  status(channel: number, idle: boolean): void {
    const status = this.channels[channel] as ChannelStatus;
    if (status.idle === idle) return;
    status.idle = idle;
    if (idle) this.channelWentIdle();
    else if (this.idle) {
      this.idle = false;
      this.output.emitIdle(false);
    }
  }

  /** The channel ends, behind its last watermark: it counts no more from now on, and does not make the task idle either. */
  end(channel: number): void {
    const status = this.channels[channel] as ChannelStatus;
    status.ended = true;
    if (this.channels.every((c) => c.ended)) return;
    if (this.channels.every((c) => c.idle || c.ended)) this.channelWentIdle();
    else this.emitMinimum();
  }

  private channelWentIdle(): void {
    if (this.channels.some((c) => !c.idle && !c.ended)) {
      this.emitMinimum();
      return;
    }
    if (this.idle) return;
    this.emit(Math.max(...this.channels.map((c) => c.watermark)));
    this.idle = true;
    this.output.emitIdle(true);
  }

  /** A channel behind what was emitted has been idle, and has not caught up: active channels hold back what is emitted. */
  private emitMinimum(): void {
    let min = Number.POSITIVE_INFINITY;
    let counted = 0;
    for (const { watermark, idle, ended } of this.channels) {
      if (idle || ended || watermark < this.lastEmitted) continue;
      counted++;
      if (watermark < min) min = watermark;
    }
    if (counted > 0) this.emit(min);
  }

  private emit(timestamp: number): void {
    if (timestamp <= this.lastEmitted) return;
    this.lastEmitted = timestamp;
    this.output.emitWatermark(timestamp);
  }
}
