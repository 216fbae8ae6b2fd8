/**
 * Secrets by reference: a program says where one is found, so that it holds none itself. They are read anew for each connection, so that they can
 * be changed while a job runs, and appear in no message and no log.
 */
import { readFile } from 'node:fs/promises';
import { env } from 'node:process';
import { MillraceError, toError } from '../../common/index.ts';

/** Where a secret is found: an environment variable, a file (a line end at its end is not part of it), or a function. */
export type SecretReference = { readonly env: string } | { readonly file: string } | (() => string | Promise<string>);

/** @throws MillraceError `INVALID_OPTION` if there is nothing where the secret should be; `what` says for which option */
export async function readSecret(reference: SecretReference, what: string): Promise<string> {
  if (typeof reference === 'function') return reference();
  if ('env' in reference) {
    const value = env[reference.env];
    if (value !== undefined) return value;
    throw new MillraceError(
      'INVALID_OPTION',
      `The environment variable ${reference.env}, which should hold ${what}, is not set.`,
    );
  }
  try {
    return (await readFile(reference.file, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    throw new MillraceError(
      'INVALID_OPTION',
      `The file ${reference.file}, which should hold ${what}, cannot be read: ${toError(error).message}.`,
      { cause: error },
    );
  }
}
