import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MillraceError } from '../common/index.ts';
import { BinaryReader, BinaryWriter, decodeValue, encodeValue } from './index.ts';

const anyData = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withNullPrototype: true,
  withSparseArray: false,
  maxDepth: 4,
});
const anyText = fc.string({ unit: 'binary', maxLength: 60 });
const loneSurrogates = fc
  .array(fc.integer({ min: 0xd700, max: 0xe000 }), { maxLength: 20 })
  .map((units) => String.fromCharCode(...units));

test('every value that is data comes back as it was', () => {
  fc.assert(
    fc.property(fc.oneof(anyData, anyText, loneSurrogates), (value) => {
      const writer = new BinaryWriter(16);
      encodeValue(writer, value);
      const reader = new BinaryReader(writer.toBytes());
      assert.deepStrictEqual(decodeValue(reader), value);
      assert.equal(reader.remaining, 0);
    }),
    { numRuns: 1000 },
  );
});

function decodesOrIsCorrupt(bytes: Uint8Array): void {
  try {
    decodeValue(new BinaryReader(bytes));
  } catch (error) {
    assert.ok(error instanceof MillraceError && error.code === 'CORRUPT_DATA', String(error));
  }
}

test('bytes of chance decode or are reported as corrupt, and nothing else', () => {
  const tags = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constantFrom(0xff, 0x80, 0x7f), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(tags, { maxLength: 60 }), (bytes) => decodesOrIsCorrupt(Uint8Array.from(bytes))),
    { numRuns: 5000 },
  );
});

test('a damaged or cut value decodes or is reported as corrupt, and nothing else', () => {
  fc.assert(
    fc.property(anyData, fc.nat(), fc.nat(255), fc.nat(), (value, at, byte, cut) => {
      const writer = new BinaryWriter();
      encodeValue(writer, value);
      const bytes = writer.toBytes();
      bytes[at % bytes.length] = byte;
      decodesOrIsCorrupt(bytes.subarray(0, bytes.length - (cut % 3)));
    }),
    { numRuns: 2000 },
  );
});

test('sizes that announce more than there is allocate nothing', () => {
  const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
  for (const tag of [7, 8, 9, 11, 12, 13, 14, 15, 17, 18]) {
    assert.throws(
      () => decodeValue(new BinaryReader(Uint8Array.from([tag, ...huge, 0]))),
      { code: 'CORRUPT_DATA', message: /announced/ },
      `tag ${tag}`,
    );
  }
  assert.throws(() => decodeValue(new BinaryReader(Uint8Array.from([16, 1, ...huge]))), { code: 'CORRUPT_DATA' });
});

test('containers that are nested without end are reported as corrupt', () => {
  assert.throws(() => decodeValue(new BinaryReader(new Uint8Array(1_000_000).fill(11).map((b, i) => (i % 2 ? 1 : b)))), {
    code: 'CORRUPT_DATA',
  });
});
