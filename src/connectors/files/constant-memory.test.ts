import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordBatch, SinkDriver, SourceDriver } from '../../connector/index.ts';
import { type FileReader, type FileStatus, type FileWriter, MemoryFileSystem } from '../../filesystem/index.ts';
import { FileSink } from './file-sink.ts';
import { FileSource } from './file-source.ts';
import { lineFormat } from './line-format.test.ts';

const LINE = new TextEncoder().encode(`${'x'.repeat(2047)}\n`);

/** Files that are made as they are read and vanish as they are written. */
class EndlessFileSystem extends MemoryFileSystem {
  readonly #bytes: number;
  written = 0;

  constructor(bytes: number) {
    super();
    this.#bytes = bytes;
  }

  override async status(path: string): Promise<FileStatus> {
    const name = path.slice(path.lastIndexOf('/') + 1);
    return { path, name, length: this.#bytes, modifiedMs: 0, isDirectory: false, isSymbolicLink: false };
  }

  override async open(): Promise<FileReader> {
    let left = this.#bytes;
    let at = 0;
    return {
      read: async (target) => {
        const count = Math.min(left, target.length);
        for (let filled = 0; filled < count; ) {
          const size = Math.min(LINE.length - at, count - filled);
          target.set(LINE.subarray(at, at + size), filled);
          filled += size;
          at = (at + size) % LINE.length;
        }
        left -= count;
        return count;
      },
      close: async () => {},
    };
  }

  override async create(): Promise<FileWriter> {
    return {
      position: 0,
      write: async (bytes) => {
        this.written += bytes.length;
      },
      sync: async () => {},
      close: async () => {},
    };
  }
}

test('hundreds of megabytes pass from a file to parts in a few megabytes of memory', async () => {
  const total = 400 * 1024 * 1024;
  const fs = new EndlessFileSystem(total);
  const source = new SourceDriver(FileSource.forFormat(lineFormat(), '/in/big').withFileSystem(fs));
  const sink = new SinkDriver(
    FileSink.forFormat<string>('/out', lineFormat()).withFileSystem(fs).withRollingPolicy({ maxRecords: 1000 }),
  );
  await source.start();
  await sink.start();
  const reader = source.readers[0];
  assert.ok(reader);
  const batch = new RecordBatch<string>();
  const context = { timestamp: 0, currentWatermark: 0 };
  let records = 0;
  let peakBufferBytes = 0;
  for (let done = false; !done; ) {
    batch.reset();
    const status = reader.pollBatch(batch, 500);
    done = batch.finishedSplits !== undefined;
    for (let i = 0; i < batch.length; i++) sink.writer.write(batch.values[i] as string, context);
    records += batch.length;
    peakBufferBytes = Math.max(peakBufferBytes, process.memoryUsage().arrayBuffers);
    await sink.writer.isAvailable?.();
    if (status === 'NOTHING_AVAILABLE' && !done) await reader.isAvailable();
  }
  await sink.prepareCommit();
  assert.equal(records, total / LINE.length);
  assert.equal(fs.written, total);
  // Without a bound these would be hundreds of megabytes; garbage that is not collected yet counts too.
  assert.ok(peakBufferBytes < 100 * 1024 * 1024, `${peakBufferBytes} bytes of buffers`);
  await source.close();
  await sink.close();
});
