/**
 * The declared types of a state as data, for checks between descriptors and with restored snapshots.
 *
 * Stored values describe themselves, so a type is never needed to read them; it is kept to refuse a program whose types
 * no longer fit what was stored. Compatible are: a field removed, an optional field added, a field made optional, a number
 * widened (INT → LONG → DOUBLE), and anything from or to ANY or an undeclared type.
 */
import type { TypeInformation } from '../serialization/index.ts';
import type { KeyedStateDescriptor } from './state-descriptors.ts';

type AnyType = TypeInformation<unknown>;

/** The declared types: of the value (element, accumulator), and for maps of the key. */
export interface StateType {
  readonly key?: AnyType;
  readonly value?: AnyType;
}

export function stateTypeOf(descriptor: KeyedStateDescriptor): StateType {
  const key = descriptor.kind === 'MAP' ? descriptor.keyType : undefined;
  const value = descriptor.kind === 'MAP' ? descriptor.valueType : descriptor.type;
  return { ...(key ? { key } : {}), ...(value ? { value } : {}) };
}

/** For messages: `MAP of STRING to OBJECT{id: STRING}`. */
export function formatStateType(kind: string, type: StateType): string {
  const value = type.value ? formatType(type.value) : 'undeclared type';
  return type.key ? `${kind} of ${formatType(type.key)} to ${value}` : `${kind} of ${value}`;
}

/** Whether two descriptors declare the same; an undeclared type is the same as any. */
export function sameStateType(a: StateType, b: StateType): boolean {
  return sameType(a.key, b.key) && sameType(a.value, b.value);
}

/** Whether state written as `from` may be read as `to`. */
export function compatibleStateType(from: StateType, to: StateType): boolean {
  return sameType(from.key, to.key) && compatibleType(from.value, to.value);
}

function sameType(a: AnyType | undefined, b: AnyType | undefined): boolean {
  return a === undefined || b === undefined || formatType(a) === formatType(b);
}

const WIDER: Readonly<Record<string, readonly string[]>> = { INT: ['LONG', 'DOUBLE'], LONG: ['DOUBLE'] };

function compatibleType(from: AnyType | undefined, to: AnyType | undefined): boolean {
  if (from === undefined || to === undefined || from.kind === 'ANY' || to.kind === 'ANY') return true;
  if (to.kind === 'OPTIONAL') return compatibleType(from.kind === 'OPTIONAL' ? from.type : from, to.type);
  if (from.kind === 'OBJECT' && to.kind === 'OBJECT') {
    return Object.entries(to.fields).every(([name, type]) => {
      const before = Object.hasOwn(from.fields, name) ? from.fields[name] : undefined;
      return before === undefined ? type.kind === 'OPTIONAL' : compatibleType(before, type);
    });
  }
  if (from.kind === 'LIST' && to.kind === 'LIST') return compatibleType(from.element, to.element);
  if (from.kind === 'MAP' && to.kind === 'MAP') return sameType(from.key, to.key) && compatibleType(from.value, to.value);
  return from.kind === to.kind || (WIDER[from.kind]?.includes(to.kind) ?? false);
}

/** The same text for the same type: fields are sorted. */
function formatType(type: AnyType): string {
  switch (type.kind) {
    case 'OPTIONAL':
      return `OPTIONAL<${formatType(type.type)}>`;
    case 'LIST':
      return `LIST<${formatType(type.element)}>`;
    case 'MAP':
      return `MAP<${formatType(type.key)}, ${formatType(type.value)}>`;
    case 'OBJECT': {
      const fields = Object.keys(type.fields).sort();
      return `OBJECT{${fields.map((name) => `${JSON.stringify(name)}: ${formatType(type.fields[name] as AnyType)}`).join(', ')}}`;
    }
    default:
      return type.kind;
  }
}
