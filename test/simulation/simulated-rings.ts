/**
 * Channels between simulated threads that are those of real threads: rings in shared memory. Only the bell is another: who rings
 * makes the other thread look when its turn comes.
 */
import type { Scheduler } from '../../src/common/index.ts';
import {
  createDoorbell,
  createRing,
  RemoteBell,
  RingChannelReader,
  RingChannelWriter,
  ThreadDoorbell,
} from '../../src/network/index.ts';
import type { ThreadBell } from '../../src/task/index.ts';
import type { ChannelId, ChannelProvider } from '../../src/taskmanager/index.ts';

/** The bell of a simulated thread. */
export class SimulatedBell implements ThreadBell {
  readonly doorbell = new ThreadDoorbell(createDoorbell());
  readonly #scheduler: Scheduler;
  #rung = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  ring(): void {
    if (this.#rung) return;
    this.#rung = true;
    this.#scheduler.yieldThen(() => {
      this.#rung = false;
      this.checkNow();
    });
  }

  checkNow(): void {
    this.doorbell.checkNow();
  }

  sleep(): void {
    this.checkNow();
  }

  awake(): void {}
}

/** The two ends of one ring, as far as they exist. */
interface SharedRing {
  readonly buffer: SharedArrayBuffer;
  writer?: SimulatedBell;
  reader?: SimulatedBell;
}

/** Rings the bell of whoever has the other end by then. */
class SimulatedRemoteBell extends RemoteBell {
  readonly #peer: () => SimulatedBell | undefined;

  constructor(peer: () => SimulatedBell | undefined) {
    super(createDoorbell());
    this.#peer = peer;
  }

  override ring(): void {
    this.#peer()?.ring();
  }
}

export class SimulatedRings {
  readonly #ringBytes: number;
  readonly #rings = new Map<string, SharedRing>();

  constructor(ringBytes: number) {
    this.#ringBytes = ringBytes;
  }

  /** What the tasks of a thread get. */
  channelsOf(bell: SimulatedBell): ChannelProvider {
    return {
      networkBytes: 0,
      writer: (channel) => {
        const ring = this.#ring(channel);
        ring.writer = bell;
        return new RingChannelWriter(ring.buffer, { doorbell: bell.doorbell, peer: new SimulatedRemoteBell(() => ring.reader) });
      },
      reader: (channel) => {
        const ring = this.#ring(channel);
        ring.reader = bell;
        return new RingChannelReader(ring.buffer, { doorbell: bell.doorbell, peer: new SimulatedRemoteBell(() => ring.writer) });
      },
      release: () => {},
    };
  }

  #ring({ jobId, edgeIndex, producerSubtask, consumerSubtask, attemptNumber }: ChannelId): SharedRing {
    const key = `${jobId}/${edgeIndex}/${producerSubtask}/${consumerSubtask}/${attemptNumber}`;
    let ring = this.#rings.get(key);
    if (ring === undefined) this.#rings.set(key, (ring = { buffer: createRing(this.#ringBytes) }));
    return ring;
  }
}
