import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { scanCsvScalar, scanJsonScalar } from './scalar-scan.ts';
import { ScanArea } from './scan-area.ts';
import { INTERN_MAX_LENGTH } from './structural-scan.ts';

const CAPACITY = 1024;
const area = new ScanArea(CAPACITY, 1);
const scalarArea = new ScanArea(CAPACITY, 0, () => undefined);

/** Bytes in which what the kernels look for is frequent, long runs of backslashes included. */
const busyBytes = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '"',
        '\\',
        '\n',
        ',',
        '\r',
        '\t',
        'é',
        '😀',
        'x',
        '\\\\',
        '\\"',
        '\\n',
        '\\u00e9',
        '\\x',
        '\\é',
        '\u0001',
        '/',
        'b',
        'f',
        'n',
        'r',
        't',
        'u',
        '""',
        '"\n',
      ),
      fc.nat(70).map((n) => '\\'.repeat(n)),
      fc.nat(70).map((n) => 'a'.repeat(n)),
    ),
    { maxLength: 60 },
  )
  .map((parts) => new TextEncoder().encode(parts.join('')).subarray(0, CAPACITY));

test('the runtime of these tests has the kernels', () => {
  assert.notEqual(area.internTable(0), undefined);
  assert.equal(scalarArea.internTable(0), undefined);
});

test('the JSON kernel finds what the scalar scan finds', () => {
  fc.assert(
    fc.property(busyBytes, (bytes) => {
      const length = area.load(bytes, 0, bytes.length, false);
      const found = [...area.entries.subarray(0, area.scanJson(length))];
      const expected = new Int32Array(CAPACITY);
      assert.deepEqual(found, [...expected.subarray(0, scanJsonScalar(bytes, bytes.length, expected))]);
    }),
    { numRuns: 2000 },
  );
});

test('the CSV kernel finds what the scalar scan finds', () => {
  fc.assert(
    fc.property(busyBytes, fc.constantFrom(',', 'x'), (bytes, delimiter) => {
      const length = area.load(bytes, 0, bytes.length, false);
      const count = area.scanCsv(length, delimiter.charCodeAt(0), 0x22);
      const found = [...area.entries.subarray(0, count)];
      const expected = new Int32Array(CAPACITY);
      const expectedCount = scanCsvScalar(bytes, bytes.length, expected, delimiter.charCodeAt(0), 0x22);
      assert.deepEqual(found, [...expected.subarray(0, expectedCount)]);
    }),
    { numRuns: 2000 },
  );
});

test('without kernels an area scans by the scalar scan', () => {
  const bytes = new TextEncoder().encode('{"a": "\\"b"}\n');
  const length = scalarArea.load(bytes, 0, bytes.length, false);
  const expected = new Int32Array(CAPACITY);
  const count = scanJsonScalar(bytes, bytes.length, expected);
  assert.equal(scalarArea.scanJson(length), count);
  assert.deepEqual(scalarArea.entries.subarray(0, count), expected.subarray(0, count));
});

test('a slot of the intern table stands for one string at a time', () => {
  const fresh = new ScanArea(CAPACITY, 1);
  const table = fresh.internTable(0);
  assert.ok(table !== undefined);
  const held = new Map<number, string>();
  const strings = fc.array(fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: INTERN_MAX_LENGTH }), {
    maxLength: 50,
  });
  fc.assert(
    fc.property(strings, (texts) => {
      for (const text of texts) {
        const bytes = new TextEncoder().encode(`${text}zzz`);
        fresh.load(bytes, 0, bytes.length, false);
        const slot = table.intern(table.textAddress, text.length, table.tableAddress);
        if (slot >= 0) assert.equal(held.get(slot), text);
        else held.set(-1 - slot, text);
        assert.ok(table.intern(table.textAddress, text.length, table.tableAddress) >= 0, 'what was put in is found');
      }
    }),
  );
});
