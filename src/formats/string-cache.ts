/**
 * Strings of one field: recent values are shared instead of built again.
 *
 * Most fields of events repeat their values (ids of ads, kinds of events). A hit costs about 25 ns and returns the very
 * string that was returned before, its hash already computed, where building one costs 70. The cache is verified (the
 * bytes are compared), bounded (4096 strings of at most 48 bytes for each field) and gives up: when less than half of the
 * lookups hit, the field does without for a while that doubles each time.
 */
import type { InternTable } from './wasm/scan-area.ts';
import { INTERN_MAX_LENGTH, INTERN_SLOTS } from './wasm/structural-scan.ts';

const CREDIT = 1024;
const MAX_CREDIT = 8192;
const FIRST_PAUSE = 1 << 16;
const LONGEST_PAUSE = 1 << 24;

/** Builds the string of `start .. end` from the flags of its entry; `undefined` if the bytes are no valid string. */
export type BuildString = (start: number, end: number, flags: number) => string | undefined;

export class StringCache {
  private readonly build: BuildString;
  private readonly strings: (string | undefined)[] = [];
  private readonly intern: InternTable['intern'] | undefined;
  private readonly textAddress: number;
  private readonly tableAddress: number;
  private credit = CREDIT;
  /** Lookups to go without the cache. */
  private pause = 0;
  private nextPause = FIRST_PAUSE;

  constructor(build: BuildString, table: InternTable | undefined) {
    this.build = build;
    this.intern = table?.intern;
    this.textAddress = table?.textAddress ?? 0;
    this.tableAddress = table?.tableAddress ?? 0;
    if (table === undefined) this.pause = Number.POSITIVE_INFINITY;
    else for (let i = 0; i < INTERN_SLOTS; i++) this.strings.push('');
  }

  /** The string of the bytes `start .. end` of the input, `undefined` if they are no valid string. */
  text(start: number, end: number, flags: number): string | undefined {
    const length = end - start;
    if (this.pause === 0 && length <= INTERN_MAX_LENGTH && length > 0) {
      const slot = (this.intern as InternTable['intern'])(this.textAddress + start, length, this.tableAddress);
      if (slot >= 0) {
        this.credit++;
        return this.strings[slot];
      }
      return this.miss(start, end, flags, -1 - slot);
    }
    if (length === 0) return '';
    if (this.pause > 0) this.pause--;
    return this.build(start, end, flags);
  }

  private miss(start: number, end: number, flags: number, slot: number): string | undefined {
    const text = this.build(start, end, flags);
    this.strings[slot] = text;
    this.credit = Math.min(this.credit, MAX_CREDIT) - 1;
    if (this.credit <= 0) {
      this.pause = this.nextPause;
      this.nextPause = Math.min(this.nextPause * 2, LONGEST_PAUSE);
      this.credit = CREDIT;
    }
    return text;
  }
}
