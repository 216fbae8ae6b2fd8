/** A checkpoint in memory: its handles carry their bytes with them, so they are all that there is to keep. */
import { writeFile } from 'node:fs/promises';
import { invariant } from '../common/index.ts';
import { ByteBuffer } from '../serialization/index.ts';
import type { CheckpointInput, CheckpointOutput, StateHandle } from '../state/index.ts';

export const memoryCheckpointOutput: CheckpointOutput = {
  async createStream() {
    const buffer = new ByteBuffer();
    return {
      get position() {
        return buffer.length;
      },
      async write(bytes) {
        buffer.writeBytes(bytes);
      },
      finish: async () => ({ kind: 'INLINE', bytes: buffer.copy() }),
      async abort() {},
    };
  },
};

export const memoryCheckpointInput: CheckpointInput = {
  read: async (handle) => bytesOf(handle),
  readRange: async (handle, offset, length) => bytesOf(handle).subarray(offset, offset + length),
  copyTo: (handle, localPath) => writeFile(localPath, bytesOf(handle)),
};

function bytesOf(handle: StateHandle): Uint8Array {
  invariant(handle.kind === 'INLINE', 'a handle of a checkpoint in memory refers to a file');
  return handle.bytes;
}
