import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteBuffer } from './byte-buffer.ts';

test('a buffer holds what was written to it, whatever it was made with', () => {
  const part = fc.oneof(fc.string({ unit: 'binary', maxLength: 100 }), fc.string({ maxLength: 100 }), fc.uint8Array());
  fc.assert(
    fc.property(fc.array(part), fc.nat(20), (parts, initialBytes) => {
      const buffer = new ByteBuffer(initialBytes);
      buffer.writeString('gone');
      buffer.reset();
      for (const item of parts) {
        if (typeof item === 'string') buffer.writeString(item);
        else buffer.writeBytes(item);
      }
      assert.deepEqual(buffer.copy(), new Uint8Array(Buffer.concat(parts.map((item) => Buffer.from(item as string)))));
      assert.deepEqual(buffer.view(), buffer.copy());
    }),
  );
});
