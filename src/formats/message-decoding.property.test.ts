import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MessageBlock, MessageDecodingFormat } from '../connector/index.ts';
import { Types } from '../serialization/index.ts';
import { csvFormat, jsonFormat } from './index.ts';
import { MessageGatherer } from './message-gatherer.ts';

const utf8 = new TextEncoder();

/** Messages in one block, with what lies between them in a broker's batches: anything. */
function blockOf(messages: readonly Uint8Array[], gap: readonly number[]): MessageBlock {
  const bytes: number[] = [...gap];
  const starts: number[] = [];
  const ends: number[] = [];
  for (const message of messages) {
    starts.push(bytes.length);
    bytes.push(...message);
    ends.push(bytes.length);
    bytes.push(...gap);
  }
  return { bytes: Uint8Array.from(bytes), starts: Int32Array.from(starts), ends: Int32Array.from(ends) };
}

/** What each message became: its value, or `undefined` if it was reported. */
function decodeAll<T>(format: MessageDecodingFormat<T>, block: MessageBlock): { value: T | undefined }[] {
  const malformed = new Set<number>();
  const decoder = format.createMessageDecoder({
    onMalformed(index) {
      assert.ok(!malformed.has(index), 'a message is reported once');
      assert.ok(index > Math.max(-1, ...malformed), 'reports come in order');
      malformed.add(index);
    },
  });
  const out: T[] = [];
  assert.equal(decoder.decode(block, 0, block.starts.length, out), block.starts.length);
  assert.equal(out.length + malformed.size, block.starts.length);
  let next = 0;
  return [...block.starts].map((_, i) => ({ value: malformed.has(i) ? undefined : out[next++] }));
}

const gaps = fc.array(fc.constantFrom(0, 0x0a, 0x0d, 0x22, 0x7b, 0x2c, 200), { maxLength: 20 });

const jsonTexts = fc.oneof(
  fc.record({ a: fc.string(), b: fc.integer(), c: fc.jsonValue() }).map((value) => JSON.stringify(value)),
  fc.record({ a: fc.string(), b: fc.integer() }).map((value) => JSON.stringify(value, null, 2)),
  fc.constantFrom(
    '',
    ' ',
    '\n',
    '\r\n',
    'null',
    '3',
    '{"a":"x","b":1}\n',
    '{"a":"x","b":1}\n{"a":"y","b":2}',
    '{"a":"x\ny","b":1}',
    '{"a":"x"',
  ),
  fc.constantFrom('"', '{"a', '\\', '{"b":1,"a":"x"}', '{"a":"é","b":2}', '\ufeff{"a":"x","b":1}'),
);

test('each JSON message is what JSON.parse makes of it, alone or among others', () => {
  const any = jsonFormat();
  fc.assert(
    fc.property(fc.array(jsonTexts, { maxLength: 12 }), gaps, (texts, gap) => {
      const decoded = decodeAll(
        any,
        blockOf(
          texts.map((text) => utf8.encode(text)),
          gap,
        ),
      );
      decoded.forEach(({ value }, i) => {
        let expected: unknown;
        try {
          expected = JSON.parse(texts[i] as string);
        } catch {}
        assert.deepEqual(value, expected);
      });
    }),
    { numRuns: 500 },
  );
});

test('a projection of JSON messages is what the same format reads from each as a file of one line', () => {
  const format = jsonFormat({ schema: Types.OBJECT({ a: Types.STRING, b: Types.OPTIONAL(Types.INT) }) });
  fc.assert(
    fc.property(fc.array(jsonTexts, { maxLength: 40 }), gaps, (texts, gap) => {
      const decoded = decodeAll(
        format,
        blockOf(
          texts.map((text) => utf8.encode(text)),
          gap,
        ),
      );
      decoded.forEach(({ value }, i) => {
        const out: unknown[] = [];
        const decoder = format.createDecoder({ source: 'one', onMalformed: () => {} });
        const bytes = utf8.encode((texts[i] as string).replaceAll('\n', '\r').replace('\ufeff', '?'));
        decoder.decode(bytes, 0, bytes.length, out as never[], true);
        assert.deepEqual(value, out[0]);
      });
    }),
    { numRuns: 500 },
  );
});

const csvTexts = fc.oneof(
  fc.constantFrom(
    '',
    '\n',
    'x,1',
    'x,1\n',
    'x,1\r\n',
    '"x",1',
    '"x\ny",2',
    '"x',
    'y",3',
    'x,1\nx,2',
    'x',
    'x,y',
    'x,1,2',
    '"a""b",4',
    'a\rb,5',
  ),
  fc.tuple(fc.string({ unit: fc.constantFrom('a', 'é', ' ', '"', ',', '\n') }), fc.integer()).map(([a, b]) => `${a},${b}`),
);

test('each CSV message is what the same format reads from a file that holds it alone', () => {
  const format = csvFormat({ header: 'none', schema: Types.OBJECT({ a: Types.STRING, b: Types.INT }) });
  fc.assert(
    fc.property(fc.array(csvTexts, { maxLength: 12 }), gaps, (texts, gap) => {
      const decoded = decodeAll(
        format,
        blockOf(
          texts.map((text) => utf8.encode(text)),
          gap,
        ),
      );
      decoded.forEach(({ value }, i) => {
        const out: unknown[] = [];
        let reports = 0;
        const decoder = format.createDecoder({ source: 'one', onMalformed: () => reports++ });
        const bytes = utf8.encode(texts[i] as string);
        decoder.decode(bytes, 0, bytes.length, out as never[], true);
        assert.deepEqual(value, reports === 0 && out.length === 1 ? out[0] : undefined, JSON.stringify(texts[i]));
      });
    }),
    { numRuns: 1000 },
  );
});

test('the kernel gathers what the scalar loop gathers', () => {
  const fast = new MessageGatherer(4096);
  const scalar = new MessageGatherer(4096, () => undefined);
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 70 }), { minLength: 1, maxLength: 20 }), gaps, (messages, gap) => {
      const block = blockOf(messages, gap);
      const length = scalar.gather(block, 0, messages.length);
      assert.equal(fast.gather(block, 0, messages.length), length);
      assert.deepEqual(fast.bytes.slice(0, length), scalar.bytes.slice(0, length));
      const expected = messages.flatMap((message) => [...message].map((byte) => (byte === 10 ? 13 : byte)).concat(10));
      assert.deepEqual([...scalar.bytes.slice(0, length)], expected);
    }),
  );
});
