/**
 * Reads secrets from where they are. Errors say which option and which variable or file, never a value. Everything is read anew
 * for each connection.
 */
import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import { MillraceError } from '../../../common/index.ts';
import type { PemReference, SecretReference, TlsOptions } from './kafka-security.ts';

/** @throws MillraceError `INVALID_OPTION` if a file or secret cannot be found. */
export async function resolveTls(tls: TlsOptions): Promise<ConnectionOptions> {
  return {
    ...(tls.ca !== undefined && { ca: await resolvePem('tls.ca', tls.ca) }),
    ...(tls.cert !== undefined && { cert: await resolvePem('tls.cert', tls.cert) }),
    ...(tls.key !== undefined && { key: await resolveSecret('tls.key', tls.key) }),
    ...(tls.passphrase !== undefined && { passphrase: await resolveSecret('tls.passphrase', tls.passphrase) }),
    ...(tls.serverName !== undefined && { servername: tls.serverName }),
    ...(tls.checkServerName === false && { checkServerIdentity: () => undefined }),
  };
}

function resolvePem(option: string, pem: PemReference): Promise<string> {
  return typeof pem === 'string' ? Promise.resolve(pem) : resolveSecret(option, pem);
}

/** @throws MillraceError `INVALID_OPTION` if it cannot be found. */
export async function resolveSecret(option: string, reference: SecretReference): Promise<string> {
  if (typeof reference === 'function') {
    const value = await reference();
    if (typeof value === 'string' && value !== '') return value;
    throw new MillraceError('INVALID_OPTION', `Kafka: the function given as security.${option} returned no text.`, {
      context: { option },
    });
  }
  if ('env' in reference) {
    const value = process.env[reference.env];
    if (value !== undefined && value !== '') return value;
    throw new MillraceError(
      'INVALID_OPTION',
      `Kafka: the environment variable ${reference.env}, named by security.${option}, is not set.`,
      {
        context: { option, variable: reference.env },
      },
    );
  }
  try {
    return (await readFile(reference.file, 'utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    throw new MillraceError(
      'INVALID_OPTION',
      `Kafka: the file ${reference.file}, named by security.${option}, could not be read.`,
      {
        cause,
        context: { option, file: reference.file },
      },
    );
  }
}
