/** The storage of checkpoints in memory, for tests of state. Run by itself it holds no tests. */
import { MillraceError } from '../common/index.ts';
import { crc32 } from '../serialization/index.ts';
import type { CheckpointInput, CheckpointOutput, CheckpointOutputStream, CheckpointScope, StateHandle } from './index.ts';

/** The files of all checkpoints of one test, and what was written for them. */
export class MemoryCheckpoints implements CheckpointInput {
  readonly files = new Map<string, Uint8Array>();
  /** What was finished, by scope, in bytes. */
  readonly written = { EXCLUSIVE: 0, SHARED: 0 };
  /** Called before each write; may throw. */
  onWrite: () => void = () => {};
  openStreams = 0;
  private next = 1;

  output(mayReferTo?: (handle: StateHandle) => boolean): CheckpointOutput {
    return { createStream: async (scope) => this.createStream(scope), mayReferTo };
  }

  async read(handle: StateHandle): Promise<Uint8Array> {
    const bytes = this.bytesOf(handle);
    if (handle.kind === 'FILE' && crc32(bytes) !== handle.crc32) throw new MillraceError('CORRUPT_DATA', 'damaged');
    return bytes;
  }

  async readRange(handle: StateHandle, offset: number, length: number): Promise<Uint8Array> {
    return this.bytesOf(handle).slice(offset, offset + length);
  }

  async copyTo(): Promise<never> {
    throw new Error('There is no disk.');
  }

  private bytesOf(handle: StateHandle): Uint8Array {
    if (handle.kind === 'INLINE') return handle.bytes;
    const bytes = this.files.get(handle.file);
    if (bytes === undefined) throw new MillraceError('FILE_SYSTEM_FAILED', `'${handle.file}' does not exist.`);
    return bytes.slice(handle.offset, handle.offset + handle.length);
  }

  private createStream(scope: CheckpointScope): CheckpointOutputStream {
    const parts: Uint8Array[] = [];
    let position = 0;
    this.openStreams++;
    return {
      get position() {
        return position;
      },
      write: async (bytes) => {
        this.onWrite();
        parts.push(bytes.slice());
        position += bytes.length;
      },
      finish: async () => {
        this.openStreams--;
        const bytes = new Uint8Array(position);
        let at = 0;
        for (const part of parts) {
          bytes.set(part, at);
          at += part.length;
        }
        this.written[scope] += position;
        const file = `${scope}-${this.next++}`;
        this.files.set(file, bytes);
        return { kind: 'FILE', file, offset: 0, length: position, crc32: crc32(bytes) };
      },
      abort: async () => {
        this.openStreams--;
      },
    };
  }
}
