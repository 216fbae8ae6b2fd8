/** The checks that every backend makes when a descriptor meets a state of the same name. */
import { MillraceError } from '../common/index.ts';
import type { StateMeta } from './keyed-state-backend.ts';
import type { KeyedStateDescriptor } from './state-descriptors.ts';
import { compatibleStateType, formatStateType, sameStateType, stateTypeOf } from './state-type.ts';
import { refuseTimerStateName } from './timer-state.ts';

/** @throws MillraceError `INVALID_STATE_DESCRIPTOR` */
export function metaOf(descriptor: KeyedStateDescriptor, namespaced: boolean): StateMeta {
  const { name, kind } = descriptor;
  refuseTimerStateName(name);
  return { name, kind, namespaced, ttl: descriptor.ttlConfig !== undefined, type: stateTypeOf(descriptor) };
}

/** @throws MillraceError `INVALID_STATE_DESCRIPTOR` unless both descriptors mean the same state */
export function checkSameState(
  known: KeyedStateDescriptor,
  knownMeta: StateMeta,
  wanted: KeyedStateDescriptor,
  wantedMeta: StateMeta,
): void {
  const sameTtl = JSON.stringify(known.ttlConfig) === JSON.stringify(wanted.ttlConfig);
  const same = knownMeta.kind === wantedMeta.kind && knownMeta.namespaced === wantedMeta.namespaced;
  if (same && sameTtl && sameStateType(knownMeta.type, wantedMeta.type)) return;
  throw new MillraceError(
    'INVALID_STATE_DESCRIPTOR',
    `State '${known.name}' is used in two ways in one operator: as ${describe(knownMeta, known)} and as ${describe(wantedMeta, wanted)}. Give the states different names, or the descriptors the same kind, type and time to live.`,
    { context: { state: known.name } },
  );
}

/** @throws MillraceError `STATE_FAILED` unless state that was written as `restored` can be read as `wanted` */
export function checkRestoredState(restored: StateMeta, wanted: StateMeta): void {
  const same = restored.kind === wanted.kind && restored.namespaced === wanted.namespaced;
  if (same && compatibleStateType(restored.type, wanted.type)) return;
  throw new MillraceError(
    'STATE_FAILED',
    `State '${wanted.name}' was stored as ${describe(restored)}, but the program now declares ${describe(wanted)}. Only optional fields may be added, fields removed, and numbers widened. Say how to convert it by the descriptor's migrateFrom(…), use another name for the new state, or the old type.`,
    { context: { state: wanted.name }, recoverable: false },
  );
}

/**
 * How each value that was stored as `restored` becomes one of the descriptor's; `undefined`: it is one.
 * @param nowMs the time of access of values that had none
 * @throws MillraceError `STATE_FAILED` if the types do not fit and the descriptor has no migration for it
 */
export function conversionOf(
  restored: StateMeta,
  wanted: StateMeta,
  { migration }: KeyedStateDescriptor,
  nowMs: number,
): ((stored: any) => unknown) | undefined {
  const sameKind = restored.kind === wanted.kind && restored.namespaced === wanted.namespaced;
  const sameKeys = sameStateType({ ...restored.type, value: undefined }, { ...wanted.type, value: undefined });
  const migrate = sameKind && sameKeys && !sameStateType(restored.type, wanted.type) ? migration : undefined;
  if (migrate === undefined) checkRestoredState(restored, wanted);
  if (migrate === undefined && restored.ttl === wanted.ttl) return undefined;
  return (stored) => {
    const before = restored.ttl ? stored.value : stored;
    const value = migrate ? migrate(before) : before;
    return wanted.ttl ? { value, accessMs: restored.ttl ? stored.accessMs : nowMs } : value;
  };
}

/** @throws MillraceError `STATE_FAILED` unless two restored snapshots mean the same state */
export function checkBelongTogether(one: StateMeta, other: StateMeta): void {
  const { kind, namespaced, ttl, type } = one;
  if (kind === other.kind && namespaced === other.namespaced && ttl === other.ttl && sameStateType(type, other.type)) return;
  throw new MillraceError(
    'STATE_FAILED',
    `The snapshots do not belong together: state '${other.name}' is ${formatStateType(kind, type)} in one and ${formatStateType(other.kind, other.type)} in another. Restore from the snapshots of one checkpoint.`,
    { context: { state: other.name }, recoverable: false },
  );
}

/** @throws MillraceError `STATE_FAILED` unless state of `stored` key groups fits a program with `wanted` */
export function checkMaxParallelism(stored: number, wanted: number): void {
  if (stored === wanted) return;
  throw new MillraceError(
    'STATE_FAILED',
    `The state was stored with a maximum parallelism of ${stored}, but the program has ${wanted}. Call setMaxParallelism(${stored}).`,
    { recoverable: false },
  );
}

/** @throws MillraceError `INVALID_STATE_DESCRIPTOR` */
export function refuseTtl(descriptor: KeyedStateDescriptor, where: string): void {
  if (descriptor.ttlConfig === undefined) return;
  throw new MillraceError(
    'INVALID_STATE_DESCRIPTOR',
    `State '${descriptor.name}' has a time to live, which ${where} does not support. Leave enableTimeToLive out.`,
    { context: { state: descriptor.name } },
  );
}

/** An error of writing a value, with the state's name. */
export function inState(name: string, error: unknown): unknown {
  if (!(error instanceof MillraceError)) return error;
  return new MillraceError(error.code, `State '${name}' cannot be written: ${error.message}`, {
    cause: error,
    context: { ...error.context, state: name },
    recoverable: error.recoverable,
  });
}

function describe(meta: StateMeta, descriptor?: KeyedStateDescriptor): string {
  const ttl = descriptor?.ttlConfig ? ` with a time to live of ${descriptor.ttlConfig.ttlMs} ms` : '';
  return `${formatStateType(meta.kind, meta.type)}${meta.namespaced ? ' per window' : ''}${ttl}`;
}
