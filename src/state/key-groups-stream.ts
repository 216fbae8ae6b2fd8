/**
 * The canonical format of keyed state in a checkpoint: the bytes of the key groups one after the other, with their places
 * and checksums in the handle, so that a subtask reads only the key groups that it owns.
 */
import { MillraceError } from '../common/index.ts';
import { crc32 } from '../serialization/index.ts';
import type { CheckpointInput, CheckpointOutput } from './checkpoint-streams.ts';
import type { KeyGroupRange } from './key-groups.ts';
import type { KeyedStateSnapshot, KeyGroupBytes } from './keyed-state-backend.ts';
import type { KeyGroupOffset, KeyGroupsHandle } from './keyed-state-handle.ts';

/** A snapshot whose key groups may still have to be made; ascending. */
export type KeyGroupSource = Omit<KeyedStateSnapshot, 'keyGroups'> & {
  readonly keyGroups: Iterable<KeyGroupBytes> | AsyncIterable<KeyGroupBytes>;
};

/** Writes a snapshot key group by key group. @throws MillraceError `FILE_SYSTEM_FAILED`, and what making a key group throws */
export async function writeKeyGroups(
  snapshot: KeyGroupSource,
  keyGroupRange: KeyGroupRange,
  output: CheckpointOutput,
): Promise<KeyGroupsHandle> {
  const stream = await output.createStream('EXCLUSIVE');
  try {
    const keyGroups: KeyGroupOffset[] = [];
    for await (const { keyGroup, bytes } of snapshot.keyGroups) {
      keyGroups.push({ keyGroup, offset: stream.position, length: bytes.length, crc32: crc32(bytes) });
      await stream.write(bytes);
    }
    const content = await stream.finish();
    const { maxParallelism, states } = snapshot;
    return { format: 'KEY_GROUPS', maxParallelism, keyGroupRange, states, keyGroups, content };
  } catch (error) {
    await stream.abort();
    throw error;
  }
}

/** The part of a snapshot that lies in `range`. @throws MillraceError `CORRUPT_DATA`, `FILE_SYSTEM_FAILED` */
export async function readKeyGroups(
  handle: KeyGroupsHandle,
  range: KeyGroupRange,
  input: CheckpointInput,
): Promise<KeyedStateSnapshot> {
  const keyGroups: KeyGroupBytes[] = [];
  for (const { keyGroup, offset, length, crc32: expected } of handle.keyGroups) {
    if (keyGroup < range.start || keyGroup > range.end) continue;
    const bytes = await input.readRange(handle.content, offset, length);
    if (crc32(bytes) !== expected) {
      const { content } = handle;
      const where = content.kind === 'FILE' ? `'${content.file}'` : 'the metadata';
      throw new MillraceError('CORRUPT_DATA', `Key group ${keyGroup} in ${where} is damaged: its checksum does not fit.`, {
        context: { keyGroup, ...(content.kind === 'FILE' ? { path: content.file } : {}) },
        recoverable: false,
      });
    }
    keyGroups.push({ keyGroup, bytes });
  }
  return { maxParallelism: handle.maxParallelism, states: handle.states, keyGroups };
}
