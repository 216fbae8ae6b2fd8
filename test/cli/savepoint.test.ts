import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { FileCheckpointStorage } from '../../src/checkpoint/index.ts';
import { systemClock, systemRandom } from '../../src/common/index.ts';
import { LocalFileSystem } from '../../src/filesystem/node.ts';
import type { CompletedCheckpoint } from '../../src/protocol/index.ts';
import { Types } from '../../src/serialization/index.ts';
import { HeapKeyedStateBackend, MapStateDescriptor, ValueStateDescriptor } from '../../src/state/index.ts';
import { millrace, programFolder } from './program-runner.ts';

const folder = programFolder({});
const storage = new FileCheckpointStorage(
  { directory: `${folder}/checkpoints`, savepointDirectory: `${folder}/savepoints`, inlineThresholdBytes: 16 },
  { fileSystem: new LocalFileSystem(), random: systemRandom },
);
const JOB_ID = '0123456789abcdef0123456789abcdef';

/** With one keyed operator that knows 1,000 keys. */
async function take(kind: CompletedCheckpoint['kind'], checkpointId: number): Promise<CompletedCheckpoint> {
  const externalPath =
    kind === 'SAVEPOINT' ? storage.savepointDirectory(JOB_ID) : storage.checkpointDirectory(JOB_ID, checkpointId);
  const backend = new HeapKeyedStateBackend({ clock: systemClock, maxParallelism: 128 });
  const count = backend.getPartitionedState(new ValueStateDescriptor<number>('count', { type: Types.LONG }));
  const pages = backend.getPartitionedState(new MapStateDescriptor('pages', { keyType: Types.STRING, valueType: Types.DATE }));
  for (let key = 0; key < 1000; key++) {
    backend.setCurrentKey(key);
    count.update(key);
    if (key === 17) pages.put('index.html', new Date(0));
  }
  const keyed = await backend.startSnapshot().write(storage.output(externalPath));
  return await storage.writeMetadata({
    checkpointId,
    kind,
    jobId: JOB_ID,
    jobName: 'clicks',
    triggerTimestampMs: 1_700_000_000_000,
    completedTimestampMs: 1_700_000_000_153,
    operators: [
      {
        operatorId: 'a'.repeat(32),
        name: 'Source: clicks',
        parallelism: 1,
        maxParallelism: 128,
        coordinator: { kind: 'INLINE', bytes: new Uint8Array(12) },
        subtasks: [{ watermark: Number.NEGATIVE_INFINITY, finished: true }],
      },
      {
        operatorId: 'b'.repeat(32),
        uid: 'clicks-per-page',
        name: 'Count',
        parallelism: 1,
        maxParallelism: 128,
        subtasks: [{ keyed, watermark: 1_700_000_000_000 }],
      },
    ],
    externalPath,
  });
}

describe('millrace savepoint', { concurrency: 2 }, () => {
  test('inspect prints what is in a savepoint', async () => {
    const { externalPath } = await take('SAVEPOINT', 3);
    const { stdout, stderr, exitCode } = await millrace(folder, 'savepoint', 'inspect', externalPath, '--verify');
    assert.equal(stderr, '');
    assert.equal(
      stdout,
      `Savepoint ${externalPath}
  number 3 of job 'clicks' (0123456789abcdef0123456789abcdef)
  completed 2023-11-14T22:13:20.153Z, 153 ms after it was triggered
  2 operators, 5.5 kB of state, 1 file beside the metadata

Operator 'Source: clicks'
  no uid, id aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
  parallelism 1, at most 128; 12 B
  1 of 1 subtask had finished
  split enumerator: 12 B

Operator 'Count'
  uid 'clicks-per-page', id bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
  parallelism 1, at most 128; 5.5 kB
  keyed state, canonical format, 5.5 kB
  128 of 128 key groups hold state, the largest is 24 with 86 B
    count  VALUE of LONG          5.2 kB  in 128 key groups
    pages  MAP of STRING to DATE  24 B    in 1 key group
  watermark 2023-11-14T22:13:20.000Z

Verified: all checksums fit (1 file, 5.5 kB).
`,
    );
    assert.equal(exitCode, 0);
  });

  test('inspect --json prints one document, for a checkpoint too, by its metadata file', async () => {
    const { externalPath, stateBytes } = await take('CHECKPOINT', 4);
    const outcome = await millrace(folder, 'savepoint', 'inspect', '--json', '--verify', join(externalPath, '_metadata'));
    const document = JSON.parse(outcome.stdout);
    assert.equal(document.kind, 'CHECKPOINT');
    assert.equal(document.stateBytes, stateBytes);
    assert.equal(document.operators.length, 2);
    assert.deepEqual(document.verification.damages, []);
  });

  test('inspect --verify names the file that is damaged, and ends with exit code 1', async () => {
    const { externalPath } = await take('CHECKPOINT', 5);
    const file = join(externalPath, readdirSync(externalPath).find((name) => name !== '_metadata') ?? '');
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.with(7, (bytes[7] as number) ^ 1));
    const { stdout, exitCode } = await millrace(folder, 'savepoint', 'inspect', externalPath, '--verify');
    assert.match(stdout, /Cannot read keyed state of operator 'Count': The checksum of key group \d+ does not fit/);
    assert.ok(stdout.includes('DAMAGED: 1 of ') && stdout.includes(`'${file}' is damaged: the checksum`), stdout);
    assert.equal(exitCode, 1);
  });

  test('what is no savepoint is an error that says what is there instead', async () => {
    const nowhere = await millrace(folder, 'savepoint', 'inspect', 'nowhere');
    assert.match(nowhere.stderr, /^Error: There is no checkpoint or savepoint at '.*nowhere': no such folder\.\n$/);
    assert.equal(nowhere.exitCode, 1);
    const { externalPath } = await take('CHECKPOINT', 6);
    const job = await millrace(folder, 'savepoint', 'inspect', join(externalPath, '..'));
    assert.match(job.stderr, /is the folder of a job\. Name one of the checkpoints in it: chk-/);
    const missing = await millrace(folder, 'savepoint', 'inspect');
    assert.match(missing.stderr, /missing required argument 'path'/);
    assert.equal(missing.exitCode, 1);
  });

  test('dispose deletes a savepoint and says so', async () => {
    const { externalPath } = await take('SAVEPOINT', 7);
    const { stdout, exitCode } = await millrace(folder, 'savepoint', 'dispose', externalPath);
    assert.equal(stdout, `Deleted the savepoint of job 'clicks': ${externalPath}\n`);
    assert.equal(exitCode, 0);
    assert.equal(existsSync(externalPath), false);
    const again = await millrace(folder, 'savepoint', 'dispose', externalPath);
    assert.equal(again.exitCode, 1);
  });
});
