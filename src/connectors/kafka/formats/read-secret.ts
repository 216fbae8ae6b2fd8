/** Reads a secret of the schema registry's from where it is; messages say where, never what. */
import { readFile } from 'node:fs/promises';
import { MillraceError } from '../../../common/index.ts';
import type { SecretReference } from '../client/index.ts';

/** @throws MillraceError `INVALID_OPTION` if it is not there. */
export async function readSecret(reference: SecretReference): Promise<string> {
  if (typeof reference === 'function') return reference();
  if ('env' in reference) {
    const value = process.env[reference.env];
    if (value) return value;
    throw new MillraceError(
      'INVALID_OPTION',
      `The environment variable ${reference.env}, which the schema registry's credentials name, is not set.`,
    );
  }
  try {
    return (await readFile(reference.file, 'utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    throw new MillraceError(
      'INVALID_OPTION',
      `The file ${reference.file}, which the schema registry's credentials name, could not be read.`,
      { cause },
    );
  }
}
