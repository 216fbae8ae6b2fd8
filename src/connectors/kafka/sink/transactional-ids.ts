/**
 * The names of transactions: `<prefix>-<subtask>-<token>-<number>`.
 *
 * Subtask and token name a **writer**: one attempt of one subtask. The token is drawn at random, so a name belongs to one writer for ever. No
 * later attempt begins transactions under it, and a zombie of an earlier attempt can begin none under the names of a later one: it can
 * neither write into nor abort what a checkpoint of the later one holds. Numbers keep apart the transactions that one
 * writer has under way.
 */
import type { Random } from '../../../common/index.ts';

const TOKEN_CHARS = 8;

/** What the name of a transaction says. */
export interface TransactionName {
  readonly subtaskIndex: number;
  /** `<subtask>-<token>` */
  readonly writer: string;
}

export function newWriterName(subtaskIndex: number, random: Random): string {
  let token = '';
  for (let i = 0; i < TOKEN_CHARS; i++) token += Math.floor(random.next() * 36).toString(36);
  return `${subtaskIndex}-${token}`;
}

export function transactionalIdOf(prefix: string, writer: string, number: number): string {
  return `${prefix}-${writer}-${number}`;
}

/** @returns `undefined` for names that no sink with this prefix gave, such as those of another prefix that begins with it */
export function parseTransactionalId(prefix: string, transactionalId: string): TransactionName | undefined {
  if (!transactionalId.startsWith(`${prefix}-`)) return undefined;
  const parts = /^((\d{1,9})-[0-9a-z]{8})-\d{1,15}$/.exec(transactionalId.slice(prefix.length + 1));
  return parts === null ? undefined : { writer: parts[1] as string, subtaskIndex: Number(parts[2]) };
}
