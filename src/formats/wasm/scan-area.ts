/**
 * The memory that a block of input is scanned in: input, entries, and the tables of recent strings.
 *
 * The input is copied in (at 50 GB/s, from the cache), so that kernels and generated readers see one memory of fixed place
 * and size. The memory never grows: growing detaches its buffer, and V8 then checks every typed array of the process for
 * that. A larger area is a new one. Behind the input there are 64 bytes of slack for reads in words.
 */

import { scanCsvScalar, scanJsonScalar } from './scalar-scan.ts';
import { INTERN_SLOT_BYTES, INTERN_SLOTS, instantiateKernels, type Kernels } from './structural-scan.ts';
import { webAssembly } from './web-assembly.ts';

const INPUT = 1024;
const SLACK = 128;
const PAGE = 65536;

export class ScanArea {
  readonly capacity: number;
  /** The input; index 0 is its first byte. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Entries as `structural-scan.ts` defines them. */
  readonly entries: Int32Array;
  private readonly kernels: Kernels | undefined;
  private readonly entriesAddress: number;
  private readonly tables: number;

  /** @param tables how many intern tables there are. */
  constructor(capacity: number, tables: number, kernelsOf: typeof instantiateKernels = instantiateKernels) {
    const entriesAddress = align(INPUT + capacity + SLACK);
    const tablesAddress = align(entriesAddress + (capacity + SLACK) * 4);
    const size = tablesAddress + tables * INTERN_SLOTS * INTERN_SLOT_BYTES;
    const memory = webAssembly === undefined ? undefined : new webAssembly.Memory({ initial: Math.ceil(size / PAGE) });
    const buffer = memory?.buffer ?? new ArrayBuffer(size);
    this.capacity = capacity;
    this.kernels = memory === undefined ? undefined : kernelsOf(memory);
    this.bytes = new Uint8Array(buffer, INPUT, capacity + SLACK);
    this.view = new DataView(buffer, INPUT, capacity + SLACK);
    this.entries = new Int32Array(buffer, entriesAddress, capacity + SLACK);
    this.entriesAddress = entriesAddress;
    this.tables = tablesAddress;
  }

  /** Copies a block in and ends it with a newline if `terminate`; returns its length. */
  load(chunk: Uint8Array, start: number, end: number, terminate: boolean): number {
    let length = end - start;
    this.bytes.set(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end));
    if (terminate) this.bytes[length++] = 0x0a;
    this.bytes.fill(0, length, (length + 63) & ~63);
    return length;
  }

  scanJson(length: number): number {
    if (this.kernels === undefined) return scanJsonScalar(this.bytes, length, this.entries);
    return this.kernels.scanJson(INPUT, length, this.entriesAddress);
  }

  scanCsv(length: number, delimiter: number, quote: number): number {
    if (this.kernels === undefined) return scanCsvScalar(this.bytes, length, this.entries, delimiter, quote);
    return this.kernels.scanCsv(INPUT, length, this.entriesAddress, delimiter, quote);
  }

  /** The kernel that finds strings in table number `table`; `undefined` without WebAssembly. */
  internTable(table: number): InternTable | undefined {
    if (this.kernels === undefined) return undefined;
    return {
      intern: this.kernels.intern,
      textAddress: INPUT,
      tableAddress: this.tables + table * INTERN_SLOTS * INTERN_SLOT_BYTES,
    };
  }
}

export interface InternTable {
  readonly intern: Kernels['intern'];
  /** Address of input byte 0. */
  readonly textAddress: number;
  readonly tableAddress: number;
}

const align = (address: number): number => (address + 63) & ~63;
