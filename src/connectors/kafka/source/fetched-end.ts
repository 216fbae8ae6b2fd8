/**
 * Where fetched record batches end, by their headers alone, so that the next fetch need not wait until they were read.
 *
 * A batch begins with its first offset (8 bytes) and the number of bytes that follow (4); the distance of its last offset from
 * the first is at byte 23. The last batch of an answer can be cut off: it does not count, and is fetched again.
 */
const LENGTH_AT = 8;
const PREFIX_BYTES = 12;
const LAST_OFFSET_DELTA_AT = 23;
const HEADER_BYTES = 61;

/** The offset behind the last complete batch; `undefined` if there is none. */
export function fetchedEnd(records: Uint8Array): number | undefined {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  let end: number | undefined;
  let at = 0;
  while (at + HEADER_BYTES <= records.length) {
    const next = at + PREFIX_BYTES + view.getInt32(at + LENGTH_AT);
    // A length that no batch can have: the batch reader says what is wrong when it comes to it.
    if (next < at + HEADER_BYTES) return end ?? Number(view.getBigInt64(at)) + 1;
    if (next > records.length) break;
    end = Number(view.getBigInt64(at)) + view.getInt32(at + LAST_OFFSET_DELTA_AT) + 1;
    at = next;
  }
  return end;
}
