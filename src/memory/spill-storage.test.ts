import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { MemorySpillStorage, type SpillStorage } from './index.ts';
import { NodeSpillStorage } from './node.ts';

const folder = mkdtempSync(join(tmpdir(), 'spill-storage-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

const STORAGES: readonly (readonly [string, () => SpillStorage])[] = [
  ['memory', () => new MemorySpillStorage()],
  ['disk', () => new NodeSpillStorage(join(folder, 'deep', 'er'))],
];
for (const [name, make] of STORAGES) {
  test(`what is appended is read at any position, also of files of one name: ${name}`, () => {
    const storage = make();
    const [one, other] = [storage.create('same/../name'), storage.create('same/../name')];
    one.append(bytes(1, 2, 3));
    other.append(bytes(9));
    one.append(bytes(4, 5));
    const into = new Uint8Array(3);
    one.read(2, into);
    assert.deepEqual([into, one.length, other.length], [bytes(3, 4, 5), 5, 1]);
    other.read(0, into.subarray(0, 1));
    assert.deepEqual(into, bytes(9, 4, 5));
    assert.throws(() => one.read(3, into));
    storage.dispose();
  });

  test(`a deleted file is gone, and deleting it again does nothing: ${name}`, () => {
    const storage = make();
    const file = storage.create('file');
    file.append(bytes(1));
    file.delete();
    file.delete();
    assert.throws(() => file.read(0, new Uint8Array(1)));
    assert.throws(() => file.append(bytes(1)));
    storage.dispose();
  });
}

test('a storage on disk leaves nothing behind', () => {
  const parent = join(folder, 'leaves-nothing');
  const storage = new NodeSpillStorage(parent);
  storage.create('a').append(bytes(1));
  storage.create('b').delete();
  storage.dispose();
  assert.deepEqual(readdirSync(parent), []);
});

test('a folder that cannot be made is reported with what to do', () => {
  writeFileSync(join(folder, 'file'), '');
  assert.throws(() => new NodeSpillStorage(join(folder, 'file')).create('x'), {
    code: 'FILE_SYSTEM_FAILED',
    message: /file.*io\.tmp\.dirs/,
  });
});
