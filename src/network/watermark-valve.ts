/**
 * Combines the watermarks and idleness of several channels, as Flink's StatusWatermarkValve does.
 *
 * Promise: emitted watermarks only grow. A channel counts if it is active and has caught up: one that was idle and comes
 * back behind the watermark already emitted does not hold time back until it has reached it. When the last active channel
 * goes idle, the highest watermark of all is flushed first, because nobody is left to contradict it.
 */
export interface WatermarkValveOutput {
  emitWatermark(timestamp: number): void;
  emitIdle(idle: boolean): void;
}

interface ChannelStatus {
  watermark: number;
  idle: boolean;
  aligned: boolean;
  ended: boolean;
}

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
      aligned: true,
      ended: false,
    }));
  }

  watermark(channel: number, timestamp: number): void {
    const status = this.channels[channel] as ChannelStatus;
    if (status.idle || timestamp <= status.watermark) return;
    status.watermark = timestamp;
    if (!status.aligned && timestamp >= this.lastEmitted) status.aligned = true;
    this.emitMinimum();
  }

  status(channel: number, idle: boolean): void {
    const status = this.channels[channel] as ChannelStatus;
    if (status.idle === idle) return;
    status.idle = idle;
    if (idle) this.channelWentIdle(status);
    else {
      status.aligned = status.watermark >= this.lastEmitted;
      if (this.idle) {
        this.idle = false;
        this.output.emitIdle(false);
      }
    }
  }

  /** The channel ends, behind its last watermark: it counts no more from now on, and does not make the task idle either. */
  end(channel: number): void {
    const status = this.channels[channel] as ChannelStatus;
    status.ended = true;
    if (this.channels.every((c) => c.ended)) return;
    if (this.channels.every((c) => c.idle || c.ended)) this.channelWentIdle(status);
    else this.emitMinimum();
  }

  private channelWentIdle(status: ChannelStatus): void {
    status.aligned = false;
    if (this.channels.some((c) => !c.idle && !c.ended)) {
      this.emitMinimum();
      return;
    }
    if (this.idle) return;
    this.emit(Math.max(...this.channels.map((c) => c.watermark)));
    this.idle = true;
    this.output.emitIdle(true);
  }

  private emitMinimum(): void {
    let min = Number.POSITIVE_INFINITY;
    let counted = 0;
    for (const channel of this.channels) {
      if (channel.idle || channel.ended || !channel.aligned) continue;
      counted++;
      if (channel.watermark < min) min = channel.watermark;
    }
    if (counted > 0) this.emit(min);
  }

  private emit(timestamp: number): void {
    if (timestamp <= this.lastEmitted) return;
    this.lastEmitted = timestamp;
    this.output.emitWatermark(timestamp);
  }
}
