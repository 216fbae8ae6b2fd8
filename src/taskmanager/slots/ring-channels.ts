/**
 * The channels of the tasks in one slot: local ones to tasks in the same slot, rings to tasks in others. The rings come with the
 * deployment of a task, and each end is taken once.
 */
import { type JobId, type Logger, MillraceError } from '../../common/index.ts';
import {
  type ChannelReader,
  type ChannelWriter,
  RemoteBell,
  RingChannelReader,
  RingChannelWriter,
  type ThreadDoorbell,
} from '../../network/index.ts';
import type { ExecutionAttemptId } from '../../protocol/index.ts';
import { type ChannelId, type ChannelProvider, LocalChannels } from '../channel-provider.ts';
import type { RingEnd } from './slot-gateways.ts';

export class RingChannels implements ChannelProvider {
  private readonly slot: number;
  private readonly doorbell: ThreadDoorbell;
  private readonly logger: Logger;
  private readonly local = new LocalChannels();
  private readonly jobs = new Map<JobId, Map<string, RingEnd>>();

  private bytesOfRings = 0;

  /** @param doorbell of the thread of this slot */
  constructor(slot: number, doorbell: ThreadDoorbell, logger: Logger) {
    this.slot = slot;
    this.doorbell = doorbell;
    this.logger = logger;
  }

  /** What the task of this attempt will ask for. */
  add({ jobId, attemptNumber }: ExecutionAttemptId, ends: readonly RingEnd[]): void {
    let rings = this.jobs.get(jobId);
    if (rings === undefined) this.jobs.set(jobId, (rings = new Map()));
    for (const end of ends) {
      rings.set(ringKey({ ...end, attemptNumber }), end);
      // Each of the two slots counts half of a ring.
      this.bytesOfRings += end.ring.byteLength / 2;
    }
  }

  writer(channel: ChannelId, consumerSlot: number): ChannelWriter {
    if (consumerSlot === this.slot) return this.local.writer(channel);
    const { ring, peerDoorbell } = this.take(channel);
    return new RingChannelWriter(ring, {
      doorbell: this.doorbell,
      peer: new RemoteBell(peerDoorbell),
      onFallback: () => this.logFallback(channel),
    });
  }

  reader(channel: ChannelId, producerSlot: number): ChannelReader {
    if (producerSlot === this.slot) return this.local.reader(channel);
    const { ring, peerDoorbell } = this.take(channel);
    return new RingChannelReader(ring, { doorbell: this.doorbell, peer: new RemoteBell(peerDoorbell) });
  }

  get networkBytes(): number {
    return this.bytesOfRings;
  }

  release(jobId: JobId): void {
    this.local.release(jobId);
    this.jobs.delete(jobId);
  }

  private logFallback({ edgeIndex, producerSubtask, consumerSubtask }: ChannelId): void {
    this.logger.log(
      'debug',
      `Some records on edge ${edgeIndex} from subtask ${producerSubtask} to ${consumerSubtask}, and maybe all, are encoded by the general ` +
        'codec, several times slower: they hold a Date, Map, Set, bigint or bytes, or have too many different shapes.',
    );
  }

  private take(channel: ChannelId): RingEnd {
    const rings = this.jobs.get(channel.jobId);
    const key = ringKey(channel);
    const end = rings?.get(key);
    if (end === undefined) throw new MillraceError('INTERNAL', `Slot ${this.slot} was not given the ring of channel ${key}.`);
    rings?.delete(key);
    return end;
  }
}

function ringKey(channel: Omit<ChannelId, 'jobId'>): string {
  return `${channel.edgeIndex}/${channel.producerSubtask}/${channel.consumerSubtask}/${channel.attemptNumber}`;
}
