import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { MillraceError, seededRandom } from '../../common/index.ts';
import { MemoryFileSystem, readFile, writeFile } from '../../filesystem/index.ts';
import { type Compression, compressionOf } from './compression.ts';
import { gzip, nodeCompressions, zstd } from './node-compression.ts';

const packers: Record<string, (bytes: Uint8Array) => Uint8Array> = {
  gzip: gzipSync,
  zstd: (bytes) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
};

async function decompress(compression: Compression, compressed: Uint8Array, targetBytes: number): Promise<Uint8Array> {
  const fs = new MemoryFileSystem();
  await writeFile(fs, '/f', compressed);
  const reader = compression.decompress(await fs.open('/f'), '/f');
  const target = new Uint8Array(targetBytes);
  const parts: Uint8Array[] = [];
  for (let count = await reader.read(target); count > 0; count = await reader.read(target)) parts.push(target.slice(0, count));
  assert.equal(await reader.read(target), 0);
  await reader.close();
  return Buffer.concat(parts);
}

const noise = (seed: number, length: number): Uint8Array => {
  const random = seededRandom(seed);
  return Uint8Array.from({ length }, () => Math.floor(random.next() * 256));
};

for (const compression of nodeCompressions) {
  const pack = packers[compression.name] as (bytes: Uint8Array) => Uint8Array;

  test(`${compression.name}: several members one behind the other are one input, wherever chunks end`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ seed: fc.nat(), length: fc.oneof(fc.nat(50), fc.nat(100_000)) }), { maxLength: 5 }),
        fc.constantFrom(1000, 65_536, 300_000),
        async (members, targetBytes) => {
          const plain = members.map((member) => noise(member.seed, member.length));
          const compressed = Buffer.concat(plain.map(pack));
          assert.deepEqual(Buffer.from(await decompress(compression, compressed, targetBytes)), Buffer.concat(plain));
        },
      ),
      { numRuns: 30 },
    );
  });

  test(`${compression.name}: input that expands a thousandfold comes in pieces of the caller's size`, async () => {
    const plain = new Uint8Array(20_000_000).fill(65);
    const out = await decompress(compression, pack(plain), 65_536);
    assert.equal(out.length, plain.length);
    assert.ok(out.every((byte) => byte === 65));
  });

  test(`${compression.name}: an empty file is empty input, a cut or damaged one an error that names it`, async () => {
    assert.equal((await decompress(compression, new Uint8Array(0), 100)).length, 0);
    const whole = pack(noise(1, 5000));
    const damaged = whole.slice();
    damaged.fill(0xff, 100, 200);
    for (const broken of [
      whole.slice(0, whole.length - 5),
      whole.slice(0, 3),
      damaged,
      Buffer.concat([whole, new Uint8Array(9).fill(1)]),
    ]) {
      await assert.rejects(decompress(compression, broken, 1000), (error) => {
        assert.ok(error instanceof MillraceError);
        assert.equal(error.code, 'CORRUPT_DATA');
        assert.match(error.message, /'\/f'/);
        return true;
      });
    }
  });

  test(`${compression.name}: what was compressed decompresses`, async () => {
    const fs = new MemoryFileSystem();
    const writer = compression.compress(await fs.create('/f'), '/f');
    const plain = Buffer.concat([noise(2, 200_000), new Uint8Array(500_000)]);
    for (let i = 0; i < plain.length; i += 70_000) await writer.write(plain.subarray(i, i + 70_000));
    assert.equal(writer.position, plain.length);
    await writer.close({ durable: true });
    await writer.close();
    const compressed = await readFile(fs, '/f');
    assert.ok(compressed.length < 400_000);
    assert.deepEqual(Buffer.from(await decompress(compression, compressed, 65_536)), plain);
  });
}

test('the suffix of a file name says how it is compressed', () => {
  assert.equal(compressionOf('a/b.json.gz', nodeCompressions), gzip);
  assert.equal(compressionOf('a/b.zst', nodeCompressions), zstd);
  assert.equal(compressionOf('a.gz/b.json', nodeCompressions), undefined);
});
