/** The hash by which Kafka's Java client picks the partition of a key: 32-bit MurmurHash2 with its seed, over the bytes. */

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** @returns a signed 32-bit integer, as in Java */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  let hash = SEED ^ length;
  const whole = length & ~3;
  for (let i = 0; i < whole; i += 4) {
    let word =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    word = Math.imul(word, M);
    word ^= word >>> 24;
    hash = Math.imul(hash, M) ^ Math.imul(word, M);
  }
  const rest = length - whole;
  if (rest > 0) {
    let tail = bytes[whole] as number;
    if (rest > 1) tail |= (bytes[whole + 1] as number) << 8;
    if (rest > 2) tail |= (bytes[whole + 2] as number) << 16;
    hash = Math.imul(hash ^ tail, M);
  }
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

/** The partition that the Java client gives a record with this key. */
export function partitionOfKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount;
}
