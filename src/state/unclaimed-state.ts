/**
 * Restored keyed state that no descriptor has asked for yet: kept as bytes, handed out when its descriptor comes, and
 * written into the next snapshot as it is if none does. So a program that leaves a state out for a while loses nothing.
 */
import { MillraceError } from '../common/index.ts';
import type { KeyGroupRange } from './key-groups.ts';
import type { KeyedStateSnapshot, StateMeta } from './keyed-state-backend.ts';
import { readSections } from './keyed-state-format.ts';
import { checkBelongTogether } from './state-checks.ts';

export interface RestoredState {
  readonly meta: StateMeta;
  readonly sections: { readonly keyGroup: number; readonly content: Uint8Array }[];
}

export class UnclaimedState {
  private readonly states = new Map<string, RestoredState>();

  /** @throws MillraceError `STATE_FAILED` if two snapshots contradict each other, `CORRUPT_DATA` */
  add(snapshot: KeyedStateSnapshot, range: KeyGroupRange): void {
    const restored = snapshot.states.map((meta) => this.stateOf(meta));
    for (const { keyGroup, bytes } of snapshot.keyGroups) {
      if (keyGroup < range.start || keyGroup > range.end) continue;
      for (const { stateIndex, content } of readSections(bytes)) {
        const state = restored[stateIndex];
        if (state === undefined) {
          throw new MillraceError(
            'CORRUPT_DATA',
            `Key group ${keyGroup} of a snapshot holds a state ${stateIndex}, but the snapshot names only ${restored.length}.`,
          );
        }
        state.sections.push({ keyGroup, content });
      }
    }
  }

  /** Takes a state out. */
  claim(name: string): RestoredState | undefined {
    const state = this.states.get(name);
    this.states.delete(name);
    return state;
  }

  get(name: string): RestoredState | undefined {
    return this.states.get(name);
  }

  all(): IterableIterator<RestoredState> {
    return this.states.values();
  }

  names(): IterableIterator<string> {
    return this.states.keys();
  }

  isEmpty(): boolean {
    for (const { sections } of this.states.values()) if (sections.length > 0) return false;
    return true;
  }

  clear(): void {
    this.states.clear();
  }

  private stateOf(meta: StateMeta): RestoredState {
    const known = this.states.get(meta.name);
    if (known === undefined) {
      const state = { meta, sections: [] };
      this.states.set(meta.name, state);
      return state;
    }
    checkBelongTogether(known.meta, meta);
    return known;
  }
}
