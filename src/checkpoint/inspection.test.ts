import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryFileSystem, readFile, writeFile } from '../filesystem/index.ts';
import { inspectCheckpoint } from './inspection.ts';
import { storageOn, takeCheckpoint } from './sample-checkpoint.test.ts';

test('an inspection tells operators, states, sizes, key groups, timers and what is in flight', async () => {
  const fileSystem = new MemoryFileSystem();
  const storage = storageOn(fileSystem);
  const checkpoint = await takeCheckpoint(storage, 3);
  const inspection = await inspectCheckpoint(checkpoint, storage.input());
  assert.deepEqual(inspection.problems, []);
  assert.equal(inspection.stateBytes, checkpoint.stateBytes);
  const [source, keyed, large] = inspection.operators;
  assert.ok(source && keyed && large);
  assert.equal(source.finishedSubtasks, 1);
  assert.ok(source.coordinatorBytes > 0);
  assert.equal(source.watermark, null);
  assert.deepEqual(
    source.operatorStates.map(({ name, mode, type, elements }) => ({ name, mode, type, elements })),
    [{ name: 'offsets', mode: 'SPLIT', type: 'LIST of LONG', elements: 2 }],
  );
  assert.equal(keyed.uid, 'clicks-per-page');
  assert.equal(keyed.keyed?.format, 'KEY_GROUPS');
  assert.deepEqual(
    keyed.keyed?.states.map(({ name, type, bytes, keyGroups }) => ({ name, type, bytes, keyGroups })),
    [
      // Sizes of the sample: 10 bytes and the number of the key group, in key groups 0, 63, 64 and 127.
      { name: 'count', type: 'VALUE of LONG', bytes: 4 * 10 + 63 + 64 + 127, keyGroups: 4 },
      {
        name: 'clicks',
        type: 'MAP of STRING to OBJECT{"at": TIMESTAMP, "more": MAP<INT, ANY>, "tags": OPTIONAL<LIST<STRING>>}',
        bytes: 4 * 30,
        keyGroups: 4,
      },
    ],
  );
  // Behind the contents: for each state one byte for its index, and one or two for its length.
  assert.deepEqual(keyed.keyed?.keyGroups, { withState: 4, largest: { keyGroup: 127, bytes: 137 + 30 + 5 } });
  assert.deepEqual(keyed.timers, [{ name: 'window-timers', eventTime: 3, processingTime: 2 }]);
  assert.deepEqual(keyed.inFlight, { channels: 1, bytes: 100 });
  assert.equal(keyed.watermark, 1_700_000_000_000);
  assert.equal(large.keyed?.format, 'hashlog');
  assert.equal(large.keyed?.stateBytes, 60 + 8);
  assert.deepEqual(
    large.keyed?.states.map(({ name, bytes }) => ({ name, bytes })),
    [
      { name: 'count', bytes: undefined },
      { name: 'clicks', bytes: undefined },
    ],
  );
});

test('what cannot be read is a problem in the result, and the rest is shown', async () => {
  const fileSystem = new MemoryFileSystem();
  const storage = storageOn(fileSystem);
  const checkpoint = await takeCheckpoint(storage, 3);
  const [source, keyed] = checkpoint.operators;
  const operatorState = source?.subtasks[0]?.operator;
  const handle = keyed?.subtasks[1]?.keyed;
  assert.ok(operatorState?.kind === 'FILE' && handle?.format === 'KEY_GROUPS' && handle.content.kind === 'FILE');
  await fileSystem.delete(operatorState.file);
  const bytes = await readFile(fileSystem, handle.content.file);
  await writeFile(fileSystem, handle.content.file, bytes.with(5, (bytes[5] as number) ^ 1));
  const { problems, operators } = await inspectCheckpoint(checkpoint, storage.input());
  assert.equal(problems.length, 2);
  assert.match(problems[0] as string, /operator state of operator 'Source: clicks'.*is not there/);
  assert.match(problems[1] as string, /keyed state of operator 'Wörter zählen 🎈'.*checksum of key group 64/);
  assert.equal(operators[1]?.keyed?.states[0]?.keyGroups, 2);
});
