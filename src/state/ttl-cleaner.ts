/** Removes expired values of one state in the background: a bounded number of keys at each access, all in a snapshot. */
import type { CanonicalKey } from './key-encoding.ts';
import type { StateFamily } from './state-family.ts';

export class TtlCleaner {
  private readonly family: StateFamily;
  private readonly slot: number;
  private readonly keysPerStep: number;
  /** What is left of a slot's content. */
  private readonly unexpired: (content: unknown) => unknown;
  private position: Iterator<CanonicalKey, void> | undefined;

  constructor(family: StateFamily, slot: number, keysPerStep: number, unexpired: (content: unknown) => unknown) {
    this.family = family;
    this.slot = slot;
    this.keysPerStep = keysPerStep;
    this.unexpired = unexpired;
  }

  /** Goes on where the last step ended, and starts again at the end. */
  step(): void {
    for (let left = this.keysPerStep; left > 0; left--) {
      this.position ??= this.family.keys();
      const next = this.position?.next();
      if (next?.value === undefined) {
        this.position = undefined;
        return;
      }
      this.examine(next.value);
    }
  }

  sweep(): void {
    const all = this.family.keys();
    for (let next = all?.next(); next?.value !== undefined; next = all?.next()) this.examine(next.value);
  }

  private examine(key: CanonicalKey): void {
    const content = this.family.peek(key, this.slot);
    if (content === undefined) return;
    const left = this.unexpired(content);
    if (left !== content) this.family.put('', key, this.slot, left);
  }
}
