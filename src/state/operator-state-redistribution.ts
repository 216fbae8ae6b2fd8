import { invariant } from '../common/index.ts';
import type { OperatorStateEntry, OperatorStateSnapshot } from './operator-state-backend.ts';

/**
 * Deals the operator state of all subtasks out to `parallelism` new ones, as Flink does: the elements of split state go
 * round robin, union state goes whole to each, and one copy of broadcast state to each. Nothing is decoded.
 */
export function redistributeOperatorState(
  snapshots: readonly OperatorStateSnapshot[],
  parallelism: number,
): OperatorStateSnapshot[] {
  invariant(parallelism >= 1, 'state is dealt out to at least one subtask');
  const byName = new Map<string, OperatorStateEntry[]>();
  for (const { states } of snapshots) {
    for (const entry of states) byName.set(entry.name, [...(byName.get(entry.name) ?? []), entry]);
  }
  const dealt: OperatorStateEntry[][] = Array.from({ length: parallelism }, () => []);
  for (const entries of byName.values()) {
    const first = entries[0] as OperatorStateEntry;
    const all = first.mode === 'BROADCAST' ? first.elements : entries.flatMap((entry) => entry.elements);
    for (const [subtask, states] of dealt.entries()) {
      const elements = first.mode === 'SPLIT' ? all.filter((_, i) => i % parallelism === subtask) : all;
      states.push({ ...first, elements });
    }
  }
  return dealt.map((states) => ({ states }));
}
