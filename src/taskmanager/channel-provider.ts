/**
 * Where a task gets the ends of its channels from: on one thread, between threads, later between processes. A task cannot
 * tell which.
 */
import type { JobId } from '../common/index.ts';
import { type ChannelReader, type ChannelWriter, LocalChannel } from '../network/index.ts';

/** One channel of one attempt of the tasks at its ends: these always restart together. */
export interface ChannelId {
  readonly jobId: JobId;
  readonly edgeIndex: number;
  readonly producerSubtask: number;
  readonly consumerSubtask: number;
  readonly attemptNumber: number;
}

export interface ChannelProvider {
  /** @param consumerSlot where the other end is */
  writer(channel: ChannelId, consumerSlot: number): ChannelWriter;
  /** @param producerSlot where the other end is */
  reader(channel: ChannelId, producerSlot: number): ChannelReader;
  /** Memory that buffers of channels to other threads take. */
  readonly networkBytes: number;
  /** Forgets the channels of a job that has ended. */
  release(jobId: JobId): void;
}

/** Channels whose two ends are on this thread. */
export class LocalChannels implements ChannelProvider {
  /** Records are handed over by reference: they are on the heap. */
  readonly networkBytes = 0;
  private readonly jobs = new Map<JobId, Map<string, { readonly channel: LocalChannel; readonly attemptNumber: number }>>();

  writer(channel: ChannelId): ChannelWriter {
    return this.channel(channel);
  }

  reader(channel: ChannelId): ChannelReader {
    return this.channel(channel);
  }

  release(jobId: JobId): void {
    this.jobs.delete(jobId);
  }

  /** Both ends ask for it, in any order; the channel of an earlier attempt is replaced. */
  private channel({ jobId, edgeIndex, producerSubtask, consumerSubtask, attemptNumber }: ChannelId): LocalChannel {
    let channels = this.jobs.get(jobId);
    if (channels === undefined) this.jobs.set(jobId, (channels = new Map()));
    const key = `${edgeIndex}/${producerSubtask}/${consumerSubtask}`;
    const known = channels.get(key);
    if (known?.attemptNumber === attemptNumber) return known.channel;
    const channel = new LocalChannel();
    channels.set(key, { channel, attemptNumber });
    return channel;
  }
}
