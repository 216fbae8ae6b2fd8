import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DelimitedText } from './delimited-text.ts';

type Step = { readonly kind: 'bytes'; readonly size: number } | { readonly kind: 'end' } | { readonly kind: 'read' };

test('any text comes out as it would be split, however it arrives and whenever it is read', () => {
  const unit = fc.constantFrom('a', 'b', '\n', '\r', '||', '|', 'é', '\u{1F600}', 'x'.repeat(20_000));
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('bytes' as const),
        size: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 30_000 })),
      }),
    },
    { weight: 2, arbitrary: fc.constant({ kind: 'read' } as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'end' } as const) },
  );
  fc.assert(
    fc.property(
      fc.array(unit, { maxLength: 40 }),
      fc.array(step),
      fc.constantFrom('\n', '||', 'é'),
      (units, steps, delimiter) => {
        const bytes = Buffer.from(units.join(''));
        const text = new DelimitedText(delimiter);
        const read: string[] = [];
        const readAll = (): void => {
          for (let piece = text.next(); piece !== undefined; piece = text.next()) read.push(piece);
        };
        // What arrived between two ends is split on its own; invalid ends of characters are cut off alike by both.
        const sections: Buffer[] = [];
        let section: Buffer[] = [];
        let at = 0;
        const feed = (size: number): void => {
          const part = bytes.subarray(at, at + size);
          at += size;
          text.append(part);
          section.push(part);
        };
        const end = (): void => {
          text.end();
          sections.push(Buffer.concat(section));
          section = [];
        };
        for (const s of steps) {
          if (s.kind === 'bytes') feed(s.size);
          else if (s.kind === 'end') end();
          else readAll();
        }
        feed(bytes.length);
        end();
        assert.equal(text.hasNews, text.bytes > 0);
        readAll();
        const expected = sections.flatMap((part) => {
          const pieces = splitBytes(part, Buffer.from(delimiter));
          if (pieces.at(-1)?.length === 0) pieces.pop();
          return pieces.map((piece) => {
            const decoded = piece.toString('utf8');
            return delimiter === '\n' && decoded.endsWith('\r') ? decoded.slice(0, -1) : decoded;
          });
        });
        assert.deepEqual(read, expected);
        assert.equal(text.bytes, 0);
        assert.equal(text.hasNews, false);
      },
    ),
    { numRuns: 300 },
  );
});

function splitBytes(bytes: Buffer, delimiter: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(delimiter); at >= 0; at = bytes.indexOf(delimiter, from)) {
    pieces.push(bytes.subarray(from, at));
    from = at + delimiter.length;
  }
  return [...pieces, bytes.subarray(from)];
}

test('what a broken connection left incomplete is forgotten, complete pieces are not', () => {
  const text = new DelimitedText('\n');
  text.append(Buffer.from('a\nb'));
  text.end();
  text.append(Buffer.from('c\nd\nhal'));
  text.dropIncomplete();
  text.append(Buffer.from('e\n'));
  const read: string[] = [];
  for (let piece = text.next(); piece !== undefined; piece = text.next()) read.push(piece);
  assert.deepEqual(read, ['a', 'b', 'c', 'd', 'e']);
  text.append(Buffer.from('half'));
  assert.equal(text.next(), undefined);
  text.dropIncomplete();
  assert.equal(text.bytes, 0);
});
