/**
 * Whatever is written, wherever the power is cut, and at whatever parallelism the job goes on: who reads the visible files
 * sees each record of the completed checkpoints once, and no other.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../common/index.ts';
import { isHidden, readFile } from '../../filesystem/index.ts';
import { type OperatorStateHandles, sinkDefinition } from '../../operators/index.ts';
import { OperatorHarness } from '../../testing/index.ts';
import { CrashingDisk } from './crashing-disk.test.ts';
import { FileSink } from './file-sink.ts';
import { lineFormat } from './line-format.test.ts';

/** UNHEARD: complete, but no subtask hears of it. */
type Outcome = 'COMPLETE' | 'ABORTED' | 'UNHEARD';

/** A rescale cancels the job, which goes on from its last checkpoint. */
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ write: fc.integer({ min: 1, max: 5 }), to: fc.nat(3) }) },
    {
      weight: 3,
      arbitrary: fc.record({ checkpoint: fc.constantFrom<Outcome>('COMPLETE', 'ABORTED', 'UNHEARD') }),
    },
    { weight: 1, arbitrary: fc.record({ rescale: fc.integer({ min: 1, max: 4 }) }) },
  ),
  { minLength: 3, maxLength: 25, size: 'max' },
);

interface Checkpoint {
  readonly position: number;
  readonly states: readonly OperatorStateHandles[];
}

class Job {
  readonly crashing = new CrashingDisk();
  completed: Checkpoint | undefined;
  restored = false;
  parallelism = 2;
  position = 0;
  private subtasks: OperatorHarness<string, never>[] = [];
  private readonly cuts: number[];
  private readonly chance: () => number;

  /** @param cuts how many file operations succeed until the power is cut, each counted from the start after the last cut */
  constructor(cuts: readonly number[], seed: number) {
    this.cuts = [...cuts];
    const random = seededRandom(seed);
    this.chance = () => random.next();
  }

  /** Does `work`; when the power is cut meanwhile, starts again from the last completed checkpoint. */
  async attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      if (!this.crashing.isDown) return true;
    } catch (error) {
      if (!this.crashing.isDown) throw error;
    }
    await this.restart();
    return false;
  }

  async restart(): Promise<void> {
    do {
      for (const subtask of this.subtasks) await subtask.close().catch(() => {});
      this.subtasks = [];
      this.checkVisible(await this.visible());
      try {
        await this.start();
      } catch (error) {
        if (!this.crashing.isDown) throw error;
      }
    } while (this.crashing.isDown);
    const visible = await this.visible();
    assert.deepEqual(visible, numbers(this.position), 'after a restore the restored checkpoint is visible, all of it');
  }

  async start(): Promise<void> {
    const fileSystem = this.crashing.mount(this.cuts.shift() ?? Number.POSITIVE_INFINITY, this.chance);
    const sink = FileSink.forFormat('/data/out', lineFormat())
      .withFileSystem(fileSystem)
      .withBucketAssigner((value) => (Number(value) % 3 === 0 ? '' : `bucket-${Number(value) % 3}/x`))
      .withRollingPolicy({ maxRecords: 3, rolloverIntervalMs: Infinity, inactivityIntervalMs: Infinity });
    this.position = this.completed?.position ?? 0;
    this.restored = this.completed !== undefined;
    const open = async (subtaskIndex: number): Promise<void> => {
      const restored = this.completed && { restored: this.completed.states };
      const options = { parallelism: this.parallelism, subtaskIndex, checkpointingEnabled: true, ...restored };
      this.subtasks[subtaskIndex] = await OperatorHarness.open<string, never>(sinkDefinition(sink), options);
    };
    const indexes = Array.from({ length: this.parallelism }, (_, i) => i).sort(() => this.chance() - 0.5);
    try {
      if (this.chance() < 0.5) for (const subtaskIndex of indexes) await open(subtaskIndex);
      else
        for (const opened of await Promise.allSettled(indexes.map(open))) if (opened.status === 'rejected') throw opened.reason;
    } finally {
      this.subtasks = this.subtasks.filter((subtask) => subtask !== undefined);
    }
  }

  write(count: number, to: number): void {
    for (let i = 0; i < count; i++) this.subtasks[to % this.parallelism]?.processElement(String(this.position++));
  }

  async checkpoint(outcome: Outcome): Promise<void> {
    const { position } = this;
    const states = await Promise.all(this.subtasks.map((subtask) => subtask.snapshot()));
    if (outcome === 'ABORTED') return;
    this.completed = { position, states };
    if (outcome === 'COMPLETE') await Promise.all(this.subtasks.map((subtask) => subtask.notifyCheckpointComplete()));
  }

  async finish(): Promise<void> {
    await Promise.all(this.subtasks.map((subtask) => subtask.finish()));
    await this.checkpoint('COMPLETE');
    await Promise.all(this.subtasks.map((subtask) => subtask.close()));
  }

  checkVisible(visible: readonly number[]): void {
    assert.equal(new Set(visible).size, visible.length, `a record is visible twice: ${visible}`);
    const limit = this.completed?.position ?? 0;
    assert.ok(
      visible.every((value) => value < limit),
      `only records before ${limit} are in a completed checkpoint, but visible are ${visible}`,
    );
  }

  async visible(): Promise<number[]> {
    const texts = await Promise.all((await this.files(false)).map((path) => readFile(this.crashing.disk, path)));
    const values = texts.flatMap((bytes) => new TextDecoder().decode(bytes).split('\n').slice(0, -1).map(Number));
    return values.sort((a, b) => a - b);
  }

  async files(hidden: boolean): Promise<string[]> {
    const { disk } = this.crashing;
    const visit = async (folder: string): Promise<string[]> => {
      if (!(await disk.exists(folder))) return [];
      const entries = await disk.list(folder);
      const found = await Promise.all(entries.map(({ path, isDirectory }) => (isDirectory ? visit(path) : [path])));
      return found.flat();
    };
    return (await visit('/data/out')).filter((path) => isHidden(path.slice(path.lastIndexOf('/') + 1)) === hidden);
  }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test('visible files hold each record of the completed checkpoints once, wherever the power is cut', async () => {
  let cutsSeen = 0;
  let hiddenCleared = 0;
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 6 }),
      fc.integer(),
      async (moves, cuts, seed) => {
        const job = new Job(cuts, seed);
        await job.restart();
        for (const step of moves) {
          await job.attempt(async () => {
            if ('write' in step) job.write(step.write, step.to);
            else if ('checkpoint' in step) await job.checkpoint(step.checkpoint);
            else {
              job.parallelism = step.rescale;
              await job.restart();
            }
          });
          job.checkVisible(await job.visible());
        }
        while (!(await job.attempt(() => job.finish()))) cutsSeen++;
        assert.deepEqual(await job.visible(), numbers(job.position));
        if (job.restored) {
          assert.deepEqual(await job.files(true), [], 'hidden files are left');
          hiddenCleared++;
        }
      },
    ),
    { numRuns: 150 },
  );
  assert.ok(cutsSeen > 5 && hiddenCleared > 30, `${cutsSeen} cuts and ${hiddenCleared} restored runs are too few to mean much`);
});
