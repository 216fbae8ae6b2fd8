import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MillraceError } from '../common/index.ts';
import { MemoryFileSystem, readFile } from '../filesystem/index.ts';
import type { CompletedCheckpoint } from '../protocol/index.ts';
import { crc32 } from '../serialization/index.ts';
import type { StateHandle } from '../state/index.ts';
import { decodeMetadata, encodeMetadata } from './metadata.ts';
import { storageOn, takeCheckpoint } from './sample-checkpoint.test.ts';

const FOLDER = '/base/job/chk-7';

async function sampleContent(): Promise<{ content: Uint8Array; checkpoint: CompletedCheckpoint }> {
  const fileSystem = new MemoryFileSystem();
  const checkpoint = await takeCheckpoint(storageOn(fileSystem), 7);
  return { content: await readFile(fileSystem, `${checkpoint.externalPath}/_metadata`), checkpoint };
}

/** With a checksum that fits. */
function sealed(content: Uint8Array): Uint8Array {
  const result = content.slice();
  new DataView(result.buffer).setUint32(content.length - 4, crc32(content.subarray(0, -4)), true);
  return result;
}

function checkpointWith(coordinator: StateHandle, text: string, number: number, externalPath = FOLDER): CompletedCheckpoint {
  return {
    checkpointId: number,
    kind: 'CHECKPOINT',
    jobId: text,
    jobName: text,
    triggerTimestampMs: -number,
    completedTimestampMs: number / 3,
    operators: [{ operatorId: 'x', name: text, parallelism: 1, maxParallelism: number, coordinator, subtasks: [] }],
    stateBytes: number,
    externalPath,
  };
}

test('metadata comes back as it was, whatever is in it', () => {
  const hex = fc.stringMatching(/^[0-9a-f]{16}$/);
  const file = fc.oneof(
    hex.map((name) => `${FOLDER}/${name}`),
    hex.map((name) => `/base/job/shared/3-${name}`),
  );
  const uint = fc.maxSafeNat();
  const handle: fc.Arbitrary<StateHandle> = fc.oneof(
    fc.uint8Array().map((bytes) => ({ kind: 'INLINE' as const, bytes })),
    fc.record(
      { kind: fc.constant('FILE' as const), file, offset: uint, length: uint, crc32: fc.nat() },
      { noNullPrototype: true },
    ),
  );
  fc.assert(
    fc.property(handle, fc.string({ unit: 'binary' }), uint, (coordinator, text, number) => {
      const checkpoint = checkpointWith(coordinator, text, number);
      assert.deepEqual(decodeMetadata(encodeMetadata(checkpoint), FOLDER), checkpoint);
    }),
  );
});

test('every single bit that flips, and every cut, is found', async () => {
  const { content, checkpoint } = await sampleContent();
  assert.deepEqual(decodeMetadata(content, checkpoint.externalPath), checkpoint);
  for (let bit = 0; bit < content.length * 8; bit++) {
    const flipped = content.with(bit >> 3, (content[bit >> 3] as number) ^ (1 << (bit & 7)));
    assert.throws(() => decodeMetadata(flipped, checkpoint.externalPath), { code: 'CORRUPT_DATA' }, `bit ${bit}`);
  }
  for (let length = 0; length < content.length; length++) {
    assert.throws(() => decodeMetadata(content.slice(0, length), checkpoint.externalPath), { code: 'CORRUPT_DATA' }, `${length}`);
  }
  const longer = Uint8Array.of(...content, 0);
  assert.throws(() => decodeMetadata(longer, checkpoint.externalPath), { code: 'CORRUPT_DATA' });
});

test('metadata of a newer version is refused with the version, and not called damaged', async () => {
  const { content, checkpoint } = await sampleContent();
  assert.equal(content[8], 2, 'the version stands behind the magic');
  assert.throws(
    () => decodeMetadata(sealed(content.with(8, 3)), checkpoint.externalPath),
    (error) => error instanceof MillraceError && error.code === 'STATE_FAILED' && error.message.includes('newer version'),
  );
});

test('metadata of the first version, which knew of no watermarks in flight, is read', () => {
  const written =
    '4d494c4c5243484b013b070002610262000000000000f03f0000000000000040010278010279027a0180010001000001000101010100010002020300000000000010400103204bdd6f';
  const { operators, checkpointId } = decodeMetadata(Uint8Array.from(Buffer.from(written, 'hex')), FOLDER);
  assert.equal(checkpointId, 7);
  assert.deepEqual(operators, [
    {
      operatorId: 'x',
      uid: 'y',
      name: 'z',
      parallelism: 1,
      maxParallelism: 128,
      subtasks: [
        {
          operator: { kind: 'INLINE', bytes: Uint8Array.of(1) },
          inFlight: [{ edge: 0, producerSubtask: 1, records: { kind: 'INLINE', bytes: Uint8Array.of(2, 3) } }],
          watermark: 4,
          finished: true,
        },
      ],
    },
  ]);
});

test('bytes that a stranger wrote decode to metadata or are found damaged, whatever they are', async () => {
  const { content, checkpoint } = await sampleContent();
  const change = fc.array(fc.tuple(fc.nat(content.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(change, (changes) => {
      const changed = content.slice();
      for (const [at, byte] of changes) changed[at] = byte;
      try {
        decodeMetadata(sealed(changed), checkpoint.externalPath);
      } catch (error) {
        assert.ok(error instanceof MillraceError, String(error));
        assert.ok(error.code === 'CORRUPT_DATA' || error.context.version !== undefined, error.message);
      }
    }),
    { numRuns: 2000 },
  );
});

test('metadata cannot name a file outside of its folder and the shared one', () => {
  const good = '/base/job/shared/3-00000000000000ff';
  const content = encodeMetadata(checkpointWith({ kind: 'FILE', file: good, offset: 0, length: 1, crc32: 0 }, 'x', 7));
  const named = '../shared/3-00000000000000ff';
  const at = Buffer.from(content).indexOf(named);
  const evil = [
    '../../../../../../etc/passwd',
    '/etc/passwd/////////////////',
    '../shared/../3-0000000000000',
    '../shared/x/00000000000000ff',
  ];
  for (const name of [...evil, '../shared/3-00000000000000fF', '../secret/3-00000000000000ff']) {
    assert.equal(name.length, named.length, name);
    const changed = content.slice();
    changed.set(Buffer.from(name), at);
    assert.throws(() => decodeMetadata(sealed(changed), FOLDER), { code: 'CORRUPT_DATA', message: /does not belong/ }, name);
  }
  assert.throws(() => decodeMetadata(content, '/base/savepoint-x'), { code: 'CORRUPT_DATA', message: /does not belong/ });
  for (const file of [
    '/etc/passwd',
    '/base/other/shared/3-00000000000000ff',
    'chk-7/../00000000000000ff',
    `${FOLDER}/_metadata`,
  ]) {
    const handle = { kind: 'FILE', file, offset: 0, length: 1, crc32: 0 } as const;
    assert.throws(() => encodeMetadata(checkpointWith(handle, 'x', 7)), { code: 'STATE_FAILED' }, file);
  }
});
