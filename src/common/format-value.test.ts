import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatValue } from './format-value.ts';

test('values are written on one line, as one would write them in code', () => {
  const cases: [unknown, string][] = [
    [42, '42'],
    [-0, '-0'],
    ['it\'s\n"x"', "'it\\'s\\n\"x\"'"],
    [10n, '10n'],
    [undefined, 'undefined'],
    [null, 'null'],
    [[1, [2, 'a']], "[1, [2, 'a']]"],
    [{ word: 'to', 'a b': 1 }, "{ word: 'to', 'a b': 1 }"],
    [{}, '{}'],
    [[], '[]'],
    [new Map([['a', 1]]), "Map(1) { 'a' => 1 }"],
    [new Set([1]), 'Set(1) { 1 }'],
    [new Uint8Array([1, 2]), 'Uint8Array(2) [1, 2]'],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [new Date(Number.NaN), 'Invalid Date'],
    [new Error('x'), '[Error: x]'],
    [() => 1, '[Function (anonymous)]'],
  ];
  for (const [value, text] of cases) assert.equal(formatValue(value), text);
});

test('a string at the top can be bare', () => {
  assert.equal(formatValue('plain', { bareStrings: true }), 'plain');
  assert.equal(formatValue(['plain'], { bareStrings: true }), "['plain']");
});

test('a class is named, and a getter is not called', () => {
  class Point {
    x = 1;
  }
  assert.equal(formatValue(new Point()), 'Point { x: 1 }');
  const trap = {
    get boom(): never {
      throw new Error('called');
    },
  };
  assert.equal(formatValue(trap), '{ boom: [Getter] }');
});

test('depth, width, length and cycles are bounded', () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  assert.ok(formatValue(cycle).length < 200);
  assert.match(formatValue(Array.from({ length: 1000 }, (_, i) => i)), /… 900 more\]$/);
  assert.equal(formatValue('abcdef', { maxChars: 4 }), "'abc… (3 more characters)");
});

test('any value gives a line that is at most as long as asked for', () => {
  fc.assert(
    fc.property(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
      (value) => {
        const text = formatValue(value, { maxChars: 100 });
        assert.ok(text.length < 140);
        assert.ok(!text.includes('\n'));
      },
    ),
  );
});
