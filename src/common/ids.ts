/**
 * Identifiers as branded strings, so that one kind cannot be passed for another.
 * A JobId is 32 hex digits, drawn by chance; a VertexId and an OperatorId are 32 hex digits, derived from the graph.
 */
import type { Random } from './clock.ts';

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

export type JobId = Branded<string, 'JobId'>;
export type OperatorId = Branded<string, 'OperatorId'>;
export type VertexId = Branded<string, 'VertexId'>;

export function randomJobId(random: Random): JobId {
  let id = '';
  for (let i = 0; i < 32; i++) id += Math.floor(random.next() * 16).toString(16);
  return id as JobId;
}

const HEX = /^[0-9a-f]{32}$/;

/** Parses a job id from outside; `undefined` when it is not 32 lower-case hex digits. */
export function parseJobId(text: string): JobId | undefined {
  return HEX.test(text) ? (text as JobId) : undefined;
}
