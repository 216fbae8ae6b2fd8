import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BinaryWriter } from '../serialization/index.ts';
import { decodeElements, encodeEvent, encodeRecords, type InFlightEvent } from './in-flight-elements.ts';

const timestamp = fc.oneof(fc.integer(), fc.constantFrom(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NaN, -0));
const event: fc.Arbitrary<InFlightEvent> = fc.oneof(
  fc.oneof(fc.integer(), fc.constant(Number.POSITIVE_INFINITY)).map((t): InFlightEvent => ({ type: 'WATERMARK', timestamp: t })),
  fc.boolean().map((idle): InFlightEvent => ({ type: 'WATERMARK_STATUS', idle })),
);
const record = fc.tuple(fc.nat(), fc.string(), timestamp).map(([id, text, time]) => ({ value: { id, text }, timestamp: time }));
type Element = InFlightEvent | (typeof record extends fc.Arbitrary<infer R> ? R : never);

function written(elements: readonly Element[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const element of elements) {
    if ('type' in element) encodeEvent(writer, element);
    else encodeRecords(writer, [element.value], Float64Array.of(element.timestamp), 0, 1);
  }
  return writer.toBytes();
}

function read(bytes: Uint8Array, accepts?: (value: unknown) => boolean): Element[] {
  return [...decodeElements(bytes, accepts)].flatMap((element): Element[] =>
    element.type === 'RECORDS'
      ? element.values.map((value, i) => ({ value, timestamp: element.timestamps[i] }) as Element)
      : [element],
  );
}

test('records and events come out in the order in which they went in, whatever their times', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(record, event), { maxLength: 50 }), (elements) => {
      assert.deepEqual(read(written(elements)), elements);
    }),
  );
});

test('a share of the records comes with all events', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(record, event), { maxLength: 50 }), (elements) => {
      const accepts = (value: unknown): boolean => (value as { id: number }).id % 2 === 0;
      assert.deepEqual(
        read(written(elements), accepts),
        elements.filter((element) => 'type' in element || accepts(element.value)),
      );
    }),
  );
});

test('an unknown event is found damaged', () => {
  const writer = new BinaryWriter();
  writer.writeFloat64(Number.NaN);
  writer.writeByte(9);
  assert.throws(() => read(writer.toBytes()), { code: 'CORRUPT_DATA' });
});
