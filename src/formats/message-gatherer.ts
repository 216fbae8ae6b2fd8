/**
 * Puts messages that lie scattered in a block of bytes (between them: keys, headers, lengths) one behind the other, each with
 * a newline at its end, so that readers of lines can take many at once.
 *
 * A newline within a message becomes a carriage return on the way: one line of the result is then one message, whatever
 * is in it. For JSON nothing else changes, since both are white space between values and both are forbidden within
 * strings. The kernel copies 16 bytes at a time and replaces as it copies.
 * Measured: messages of 250 bytes, 46 ns each with the kernel, 160 with `set(subarray)`, which replaces nothing; 900 without kernels.
 */
import type { MessageBlock } from '../connector/index.ts';
import { instantiateKernels, type Kernels } from './wasm/structural-scan.ts';
import { webAssembly } from './wasm/web-assembly.ts';

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SOURCE = 1024;
const SLACK = 64;
const PAGE = 65536;

export class MessageGatherer {
  /** How many bytes the messages may span, what lies between them included, with one byte more for each. */
  readonly capacity: number;
  readonly maxMessages: number;
  /** The lines. */
  readonly bytes: Uint8Array;
  private readonly kernels: Kernels | undefined;
  private readonly source: Uint8Array;
  private readonly starts: Int32Array;
  private readonly ends: Int32Array;

  /** @param kernelsOf replaces the kernels, for tests of the path without WebAssembly. */
  constructor(capacity: number, kernelsOf: typeof instantiateKernels = instantiateKernels) {
    const size = align(capacity + SLACK);
    this.capacity = capacity;
    this.maxMessages = Math.max(1, capacity >> 3);
    const target = SOURCE + size;
    const starts = target + size;
    const ends = starts + align(this.maxMessages * 4);
    const total = ends + align(this.maxMessages * 4);
    const memory = webAssembly === undefined ? undefined : new webAssembly.Memory({ initial: Math.ceil(total / PAGE) });
    const buffer = memory?.buffer ?? new ArrayBuffer(total);
    this.kernels = memory === undefined ? undefined : kernelsOf(memory);
    this.source = new Uint8Array(buffer, SOURCE, size);
    this.bytes = new Uint8Array(buffer, target, size);
    this.starts = new Int32Array(buffer, starts, this.maxMessages);
    this.ends = new Int32Array(buffer, ends, this.maxMessages);
  }

  /** Gathers messages `from` to `to`, which must fit; returns the length of their lines. */
  gather({ bytes, starts, ends }: MessageBlock, from: number, to: number): number {
    const first = starts[from] as number;
    const last = ends[to - 1] as number;
    if (this.kernels === undefined) return this.gatherScalar(bytes, starts, ends, from, to);
    this.source.set(bytes.subarray(first, last));
    // Addresses in the kernel's memory, not indexes, so that it adds nothing.
    const shift = this.source.byteOffset - first;
    for (let i = from, k = 0; i < to; i++, k++) {
      this.starts[k] = (starts[i] as number) + shift;
      this.ends[k] = (ends[i] as number) + shift;
    }
    const target = this.bytes.byteOffset;
    return this.kernels.gatherLines(this.starts.byteOffset, this.ends.byteOffset, to - from, target) - target;
  }

  private gatherScalar(bytes: Uint8Array, starts: Int32Array, ends: Int32Array, from: number, to: number): number {
    let at = 0;
    for (let i = from; i < to; i++) {
      const end = ends[i] as number;
      for (let p = starts[i] as number; p < end; p++) {
        const byte = bytes[p] as number;
        this.bytes[at++] = byte === NEWLINE ? CARRIAGE_RETURN : byte;
      }
      this.bytes[at++] = NEWLINE;
    }
    return at;
  }
}

const align = (size: number): number => (size + 63) & ~63;
