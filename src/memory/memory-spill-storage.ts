/** Spill files that stay in memory: for tests, simulation and hosts without a disk. Counts what goes to and comes from them. */
import { invariant } from '../common/index.ts';
import type { SpillFile, SpillStorage } from './spill-storage.ts';

export class MemorySpillStorage implements SpillStorage {
  private readonly files = new Set<MemorySpillFile>();
  bytesWritten = 0;
  reads = 0;

  /** How many files there are. */
  get fileCount(): number {
    return this.files.size;
  }

  create(): SpillFile {
    const file = new MemorySpillFile(this);
    this.files.add(file);
    return file;
  }

  dispose(): void {
    for (const file of this.files) file.delete();
  }

  forget(file: SpillFile): void {
    this.files.delete(file as MemorySpillFile);
  }
}

class MemorySpillFile implements SpillFile {
  private readonly storage: MemorySpillStorage;
  private bytes = new Uint8Array(0);
  private end = 0;
  private deleted = false;

  constructor(storage: MemorySpillStorage) {
    this.storage = storage;
  }

  get length(): number {
    return this.end;
  }

  append(bytes: Uint8Array): void {
    invariant(!this.deleted, 'a deleted spill file is written');
    const end = this.end + bytes.length;
    if (end > this.bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.bytes.length));
      larger.set(this.bytes.subarray(0, this.end));
      this.bytes = larger;
    }
    this.bytes.set(bytes, this.end);
    this.end = end;
    this.storage.bytesWritten += bytes.length;
  }

  read(position: number, into: Uint8Array): void {
    invariant(!this.deleted, 'a deleted spill file is read');
    invariant(position + into.length <= this.end, `a spill file of ${this.end} bytes is read up to ${position + into.length}`);
    into.set(this.bytes.subarray(position, position + into.length));
    this.storage.reads++;
  }

  delete(): void {
    this.deleted = true;
    this.bytes = new Uint8Array(0);
    this.storage.forget(this);
  }
}
