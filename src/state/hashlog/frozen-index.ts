/** The entries of an index as a snapshot holds them. */
import { ENTRY_WORDS, hashOfTag, pageOfHash } from './hash-index.ts';

export interface FrozenPages {
  readonly depth: number;
  readonly count: number;
  /** By the upper bits of the hash; a page may stand in several places, one after the other. */
  readonly pages: readonly Int32Array[];
}

/** Each page once. */
export function* pagesOf(index: FrozenPages): Generator<Int32Array, void> {
  let before: Int32Array | undefined;
  for (const page of index.pages) {
    if (page !== before) yield page;
    before = page;
  }
}

/** Calls `matches` with the location and units of each entry of a tag until it says yes. */
export function findFrozen(index: FrozenPages, tag: number, matches: (location: number, units: number) => boolean): boolean {
  const hash = hashOfTag(tag);
  const entries = index.pages[pageOfHash(hash, index.depth)] as Int32Array;
  const mask = entries.length / ENTRY_WORDS - 1;
  for (let place = hash & mask; ; place = (place + 1) & mask) {
    const at = place * ENTRY_WORDS;
    const location = entries[at + 1] as number;
    if (location === 0) return false;
    if (entries[at] === tag && matches(location, entries[at + 2] as number)) return true;
  }
}
