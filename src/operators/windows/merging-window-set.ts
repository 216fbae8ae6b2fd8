/**
 * The windows of one key that can still merge, and for each the window under whose name its contents are kept.
 *
 * A merged window keeps the contents where those of one of its parts were, so that a session that grows record by record
 * never moves its state. Kept as pairs of texts in the keyed state of an operator; an unchanged set is not written again.
 */
import { invariant } from '../../common/index.ts';
import type { ValueState } from '../../state/index.ts';
import type { Window } from './window.ts';
import type { MergingWindowAssigner } from './window-assigner.ts';

export interface WindowNames<W extends Window> {
  nameOf(window: W): string;
  windowOf(name: string): W;
}

/** `merged` (existing windows) became `result`; the contents under `stateNames` belong to those under `stateName`. */
export type WindowsMerged<W extends Window> = (
  result: W,
  merged: readonly W[],
  stateName: string,
  stateNames: readonly string[],
) => void;

/** By the name of the window, the name of its state. */
export type MergingWindowSetState = [window: string, state: string][];

export class MergingWindowSet<W extends Window> {
  private readonly assigner: MergingWindowAssigner<any, W>;
  private readonly names: WindowNames<W>;
  private readonly state: ValueState<MergingWindowSetState>;
  private entries: MergingWindowSetState = [];
  private changed = false;

  constructor(assigner: MergingWindowAssigner<any, W>, names: WindowNames<W>, state: ValueState<MergingWindowSetState>) {
    this.assigner = assigner;
    this.names = names;
    this.state = state;
  }

  /** Reads the set of the current key. */
  load(): void {
    this.entries = this.state.value() ?? [];
    this.changed = false;
  }

  /** Writes the set back if it changed. */
  persist(): void {
    if (!this.changed) return;
    this.state.update(this.entries.length === 0 ? undefined : this.entries);
    this.changed = false;
  }

  stateNameOf(windowName: string): string | undefined {
    return this.entries.find((entry) => entry[0] === windowName)?.[1];
  }

  retire(windowName: string): void {
    const entries = this.entries.filter((entry) => entry[0] !== windowName);
    invariant(entries.length < this.entries.length, `the window ${windowName} is not in the merging set`);
    this.replace(entries);
  }

  /** Adds a window, merges what belongs together, and returns the window that the added one is part of now. */
  add(added: W, merged: WindowsMerged<W>): W {
    const { names } = this;
    const addedName = names.nameOf(added);
    const windows = this.entries.map((entry) => names.windowOf(entry[0]));
    const isKnown = this.stateNameOf(addedName) !== undefined;
    if (!isKnown) windows.push(added);
    let result = added;
    let absorbed = isKnown;
    this.assigner.mergeWindows(windows, (parts, union) => {
      const existing = parts.filter((part) => part !== added);
      if (existing.length < parts.length) {
        result = union;
        absorbed = true;
      }
      const unionName = names.nameOf(union);
      const stateNames = existing.map((part) => this.stateNameOf(names.nameOf(part)) as string);
      const first = stateNames[0];
      invariant(first !== undefined, 'a merge without an existing window');
      const extendsNothing = existing.length === 1 && names.nameOf(existing[0] as W) === unionName;
      if (extendsNothing) return;
      const partNames = new Set(existing.map((part) => names.nameOf(part)));
      this.replace([...this.entries.filter((entry) => !partNames.has(entry[0])), [unionName, first]]);
      merged(union, existing, first, stateNames.slice(1));
    });
    if (!absorbed) this.replace([...this.entries, [addedName, addedName]]);
    return result;
  }

  private replace(entries: MergingWindowSetState): void {
    this.entries = entries;
    this.changed = true;
  }
}
