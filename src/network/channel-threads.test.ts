/**
 * Two threads that hand each other records through rings and sleep whenever they can: a wake-up that is lost stops the
 * test. This file is also what the second thread runs.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type Random, seededRandom, systemClock } from '../common/index.ts';
import { createRing, MIN_RING_BYTES } from './ring.ts';
import { RingChannelReader } from './ring-channel-reader.ts';
import { RingChannelWriter } from './ring-channel-writer.ts';
import { ElementBatch } from './stream-element.ts';
import { createDoorbell, RemoteBell, ThreadDoorbell } from './thread-doorbell.ts';

interface Setup {
  /** To the other thread, and back. */
  readonly rings: readonly [SharedArrayBuffer, SharedArrayBuffer];
  readonly doorbells: readonly [SharedArrayBuffer, SharedArrayBuffer];
  readonly seed: number;
  /** Of 10,000 rounds, how many are followed by a pause of a millisecond. */
  readonly pauses: number;
}

/** Runs `step` until it can do nothing, then sleeps; `wake` makes it go on. Pauses at random. */
class Loop {
  readonly doorbell: ThreadDoorbell;
  private readonly step: () => boolean;
  private readonly random: Random;
  private readonly pauses: number;
  private scheduled = false;
  sleeps = 0;

  constructor(buffer: SharedArrayBuffer, { seed, pauses }: Setup, step: () => boolean) {
    this.doorbell = new ThreadDoorbell(buffer);
    this.random = seededRandom(seed);
    this.pauses = pauses;
    this.step = step;
  }

  wake(): void {
    this.doorbell.awake();
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.run());
  }

  private run(): void {
    this.scheduled = false;
    for (let round = 0; round < 20; round++) {
      this.doorbell.checkNow();
      if (this.step()) continue;
      this.sleeps++;
      this.doorbell.sleep();
      return;
    }
    if (this.random.next() * 10_000 >= this.pauses) this.wake();
    else {
      this.scheduled = true;
      systemClock.setTimer(1, () => this.run());
    }
  }
}

interface Item {
  id: number;
  text: string;
  half: number;
  extra?: readonly number[];
}

function itemOf(id: number): Item {
  const item: Item = { id, text: `text ${id % 100}`, half: id / 2 };
  if (id % 50 === 0) item.extra = [id, 1];
  if (id % 20_000 === 0) item.text = 'long '.repeat(8000);
  return item;
}

/** Reads from one ring and writes into the other, whenever both can. */
function echo(setup: Setup): void {
  const loop = new Loop(setup.doorbells[1], setup, () => {
    if (!writer.isAvailable) return false;
    const element = reader.poll();
    if (element === undefined) {
      writer.flush();
      return false;
    }
    if (element instanceof ElementBatch) {
      for (let i = 0; i < element.length; i++) writer.write(element.values[i], element.timestamps[i] as number);
      reader.recycle(element);
    } else writer.writeEvent(element);
    return true;
  });
  const ends = { doorbell: loop.doorbell, peer: new RemoteBell(setup.doorbells[0]) };
  const reader = new RingChannelReader(setup.rings[0], ends);
  const writer = new RingChannelWriter(setup.rings[1], ends);
  reader.onData = () => loop.wake();
  writer.onAvailable = () => loop.wake();
  parentPort?.on('message', () => process.exit());
  loop.wake();
}

interface Load {
  readonly total: number;
  readonly pauses: number;
  readonly seed: number;
  /** How many records may be on their way; each record is flushed if it is 1. */
  readonly window: number;
  /** Whether the reader lets half of its turns pass. */
  readonly lazy?: boolean;
}

/** @returns how often the first thread slept */
async function roundTrip({ total, pauses, seed, window, lazy = false }: Load): Promise<number> {
  const setup: Setup = {
    rings: [createRing(MIN_RING_BYTES), createRing(4 * MIN_RING_BYTES)],
    doorbells: [createDoorbell(), createDoorbell()],
    seed,
    pauses,
  };
  const worker = new Worker(new URL(import.meta.url), { workerData: setup });
  const random = seededRandom(seed + 1);
  let sent = 0;
  let received = 0;
  let slept = 0;
  await new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    const loop = new Loop(setup.doorbells[0], { ...setup, seed: seed + 2 }, () => {
      try {
        return step();
      } catch (error) {
        reject(error);
        return false;
      }
    });
    const step = (): boolean => {
      let busy = false;
      const end = Math.min(total, received + window, sent + 1 + Math.floor(random.next() * 400));
      if (sent < end && writer.isAvailable) {
        for (; sent < end; sent++) writer.write(itemOf(sent), sent);
        if (sent === total) writer.writeEvent({ type: 'END_OF_DATA' });
        else if (window === 1 || random.next() < 0.1) writer.flush();
        busy = true;
      }
      const element = lazy && random.next() < 0.5 ? undefined : reader.poll();
      if (element instanceof ElementBatch) {
        for (let i = 0; i < element.length; i++, received++) {
          if (element.timestamps[i] !== received) assert.fail(`record ${element.timestamps[i]} came as number ${received}`);
          assert.deepEqual(element.values[i], itemOf(received));
        }
        reader.recycle(element);
        busy = true;
      } else if (element !== undefined) {
        assert.deepEqual(element, { type: 'END_OF_DATA' });
        slept = loop.sleeps;
        resolve();
      }
      return busy || !reader.isEmpty;
    };
    const ends = { doorbell: loop.doorbell, peer: new RemoteBell(setup.doorbells[1]) };
    const writer = new RingChannelWriter(setup.rings[0], ends);
    const reader = new RingChannelReader(setup.rings[1], ends);
    writer.onAvailable = () => loop.wake();
    reader.onData = () => loop.wake();
    loop.wake();
  }).finally(() => worker.terminate());
  assert.equal(received, total);
  return slept;
}

if (isMainThread) {
  const unlimited = Number.POSITIVE_INFINITY;

  test('two threads exchange a million records in order, both ways', async () => {
    const slept = await roundTrip({ total: 1_000_000, pauses: 0, seed: 1, window: unlimited });
    assert.ok(slept > 0, 'a thread that never sleeps tests nothing');
  });

  test('threads that pause and read lazily block each other at times, and always go on', async () => {
    const slept = await roundTrip({ total: 300_000, pauses: 300, seed: 2, window: unlimited, lazy: true });
    assert.ok(slept > 0, 'a thread that never sleeps tests nothing');
  });

  test('a thread that sleeps wakes for every single record', async () => {
    const slept = await roundTrip({ total: 10_000, pauses: 0, seed: 3, window: 1 });
    assert.ok(slept > 1000, `it slept ${slept} times`);
  });
} else {
  echo(workerData as Setup);
}
