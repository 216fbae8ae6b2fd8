/**
 * Accumulators on their way from slot to slot, where they are merged: each slot adds its own to what came from the slots before.
 *
 * An accumulator is an object of a class that only the program has. What crosses the threads are its fields; a slot that has an
 * accumulator of the same name gives them the class again. A name that a slot does not know goes through it unchanged, so
 * the value that it has so far goes with it.
 */
import { MillraceError, toError } from '../common/index.ts';
import type { Accumulator } from '../operators/index.ts';

export interface AccumulatorState {
  readonly fields: unknown;
  readonly value: unknown;
}

/** By name. */
export type AccumulatorStates = Readonly<Record<string, AccumulatorState>>;

/**
 * @param own by name; not to be used afterwards
 * @throws MillraceError `NOT_SERIALIZABLE` for an accumulator that does not survive without its class
 */
export function mergeAccumulatorStates(
  own: ReadonlyMap<string, Accumulator<unknown, unknown>>,
  before: AccumulatorStates,
): AccumulatorStates {
  const merged: Record<string, AccumulatorState> = { ...before };
  for (const [name, accumulator] of own) {
    const earlier = before[name];
    try {
      // Through the form in which it travels even if it is the first: an accumulator that does not survive that is found out here.
      const sum = revive(earlier?.fields ?? structuredClone(accumulator), accumulator);
      if (earlier !== undefined) sum.merge(accumulator);
      merged[name] = { fields: structuredClone(sum), value: sum.getLocalValue() };
    } catch (error) {
      throw new MillraceError(
        'NOT_SERIALIZABLE',
        `Accumulator '${name}' (${accumulator.constructor.name}) cannot be merged over several slots: ${toError(error).message}. Keep its state in plain fields (not private ones with #) that hold data only.`,
        { cause: error, recoverable: false },
      );
    }
  }
  return merged;
}

export function accumulatorValues(states: AccumulatorStates): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(states).map(([name, { value }]) => [name, value]));
}

function revive(fields: unknown, like: Accumulator<unknown, unknown>): Accumulator<unknown, unknown> {
  return Object.assign(Object.create(Object.getPrototypeOf(like)), fields);
}
