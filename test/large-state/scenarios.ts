/** All of them, by name. */
import { coProcess, intervalJoin } from './join-scenarios.ts';
import { collections, sort, timers, value } from './keyed-scenarios.ts';
import type { Workload } from './records.ts';
import type { Scenario } from './scenario.ts';
import { session, sliding, tumbling } from './window-scenarios.ts';

export const SCENARIOS = {
  value,
  collections,
  tumbling,
  sliding,
  session,
  'interval-join': intervalJoin,
  'co-process': coProcess,
  sort,
  timers,
} as const satisfies Readonly<Record<string, Scenario>>;

export type ScenarioName = keyof typeof SCENARIOS;

export const SCENARIO_NAMES = Object.keys(SCENARIOS) as ScenarioName[];

/** So many keys that there are `stateBytes` of payloads in state when there is most, not counting what the engine adds. */
export function workloadOf(name: ScenarioName, stateBytes: number): Workload {
  const { visits, payloadChars, payloadsPerKey } = SCENARIOS[name];
  // Even, so that windows that are a part of all records begin and end at whole milliseconds.
  const keys = 2 * Math.ceil(stateBytes / (payloadChars * payloadsPerKey) / 2);
  return { keys, visits, payloadChars };
}
