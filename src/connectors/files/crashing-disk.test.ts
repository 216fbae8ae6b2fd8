/**
 * A disk that loses power: for tests of what survives. Everything done through a mounted view counts down to the cut; the
 * operation it hits is done, half done, or not done. Afterwards the disk holds what was made durable, and of the rest whatever
 * chance leaves: unsynced bytes from some point on are gone, and so are the last names that no folder sync covered.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FileSystem, type FileWriter, MemoryFileSystem, parentPath, readFile } from '../../filesystem/index.ts';

export class PowerCut extends Error {}

type NameChange = { readonly created: string } | { readonly from: string; readonly to: string };

export class CrashingDisk {
  readonly disk = new MemoryFileSystem();
  /** Of files with unsynced bytes, by path: how many are durable. */
  #durableBytes = new Map<string, number>();
  #nameChanges: NameChange[] = [];
  #down = false;

  /** Whether the view that was mounted last has lost its power. */
  get isDown(): boolean {
    return this.#down;
  }

  /**
   * @param operations how many succeed; then the power is cut
   * @param chance which of the possible outcomes: a number from 0 to below 1, read anew for each decision
   */
  mount(operations: number, chance: () => number): FileSystem {
    this.#down = false;
    const { disk } = this;
    let left = operations;
    let cut = false;
    const run = async <R>(work: () => Promise<R>, half?: () => Promise<unknown>): Promise<R> => {
      if (!cut && left-- > 0) return work();
      if (!cut) {
        cut = true;
        this.#down = true;
        const outcome = chance();
        if (outcome < 0.4) await work();
        else if (outcome < 0.7) await half?.();
        await this.#loseWhatIsNotDurable(chance);
      }
      throw new PowerCut('power cut');
    };
    return {
      open: (path, offset) => run(() => disk.open(path, offset)),
      create: (path) =>
        run(async () => {
          await this.#noteNewFolders(parentPath(path));
          const writer = await disk.create(path);
          this.#nameChanges.push({ created: path });
          this.#durableBytes.set(path, 0);
          return this.#writer(path, writer, run);
        }),
      append: () => Promise.reject(new Error('not needed')),
      rename: (from, to) =>
        run(async () => {
          await disk.rename(from, to);
          this.#nameChanges.push({ from, to });
          const durable = this.#durableBytes.get(from);
          if (durable === undefined) return;
          this.#durableBytes.delete(from);
          this.#durableBytes.set(to, durable);
        }),
      delete: (path, options) => run(() => disk.delete(path, options)),
      list: (path) => run(() => disk.list(path)),
      status: (path) => run(() => disk.status(path)),
      exists: (path) => run(() => disk.exists(path)),
      mkdirs: (path) =>
        run(async () => {
          await this.#noteNewFolders(path);
          await disk.mkdirs(path);
        }),
      syncDirectory: (path) =>
        run(async () => {
          await disk.syncDirectory(path);
          this.#nameChanges = this.#nameChanges.filter((c) => parentPath('to' in c ? c.to : c.created) !== path);
        }),
    };
  }

  /** Cuts the power between two operations, and takes all that is not durable. */
  async cutPower(): Promise<void> {
    this.#down = true;
    await this.#loseWhatIsNotDurable(() => 0);
  }

  /** A folder is a name in the one above it, as a file is. */
  async #noteNewFolders(folder: string): Promise<void> {
    if (await this.disk.exists(folder)) return;
    await this.#noteNewFolders(parentPath(folder));
    this.#nameChanges.push({ created: folder });
  }

  #writer(
    path: string,
    writer: FileWriter,
    run: <R>(work: () => Promise<R>, half?: () => Promise<unknown>) => Promise<R>,
  ): FileWriter {
    const sync = async (): Promise<void> => void this.#durableBytes.delete(path);
    return {
      get position() {
        return writer.position;
      },
      write: (bytes) =>
        run(
          () => writer.write(bytes),
          () => writer.write(bytes.subarray(0, bytes.length >> 1)),
        ),
      sync: () => run(sync),
      close: (options) =>
        run(async () => {
          await writer.close();
          if (options?.durable) await sync();
        }),
    };
  }

  async #loseWhatIsNotDurable(chance: () => number): Promise<void> {
    const { disk } = this;
    for (const [path, durable] of this.#durableBytes) {
      if (!(await disk.exists(path))) continue;
      const bytes = await readFile(disk, path);
      const kept = durable + Math.floor(chance() * (bytes.length - durable));
      await (await disk.create(path, { overwrite: true })).write(bytes.subarray(0, kept));
    }
    const lost = this.#nameChanges.splice(Math.floor(chance() * (this.#nameChanges.length + 1)));
    for (const change of lost.reverse()) {
      if ('created' in change) await disk.delete(change.created, { recursive: true });
      else if (await disk.exists(change.to)) await disk.rename(change.to, change.from);
    }
    this.#nameChanges = [];
    this.#durableBytes.clear();
  }
}

for (const [chance, left] of [
  [0.99, { moved: 100, torn: 99 }],
  [0, { moved: 100 }],
] as const) {
  test(`a power cut takes of what was not made durable as much as chance says (${chance}), and nothing else`, async () => {
    const crashing = new CrashingDisk();
    const view = crashing.mount(9, () => chance);
    const write = async (path: string, durable: boolean): Promise<void> => {
      const writer = await view.create(path);
      await writer.write(new Uint8Array(100));
      await writer.close({ durable });
    };
    await write('/d/kept', true);
    await view.rename('/d/kept', '/d/moved');
    await view.syncDirectory('/d');
    await view.syncDirectory('/');
    await write('/d/torn', false);
    await assert.rejects(view.list('/d'), PowerCut);
    const found = (await crashing.disk.list('/d')).map(({ name, length }) => [name, length]);
    assert.deepEqual(Object.fromEntries(found), left);
    await assert.rejects(view.exists('/d'), PowerCut);
  });
}
