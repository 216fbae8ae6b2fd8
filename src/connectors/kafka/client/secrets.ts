/**
 * Reads secrets from where they are, and makes of a user's security options those of the library's connections.
 *
 * Errors say which option and which variable or file, never a value. Everything is read anew for each connection, and SASL
 * credentials again when a session is renewed.
 */
import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from '@platformatic/kafka';
import { MillraceError } from '../../../common/index.ts';
import type { KafkaLibrary } from './kafka-library.ts';
import type { KafkaSecurity, PemReference, SaslOptions, SecretReference, TlsOptions } from './kafka-security.ts';

/** @throws MillraceError `INVALID_OPTION` if a secret cannot be found. */
export async function connectionSecurity(security: KafkaSecurity, library: KafkaLibrary): Promise<ConnectionOptions> {
  const { tls, sasl } = security;
  return {
    ...(tls && { tls: await tlsOptions(tls === true ? {} : tls) }),
    ...(sasl && { sasl: await saslOptions(sasl, library) }),
  };
}

async function tlsOptions(tls: TlsOptions): Promise<NonNullable<ConnectionOptions['tls']>> {
  return {
    ...(tls.ca !== undefined && { ca: await resolvePem('tls.ca', tls.ca) }),
    ...(tls.cert !== undefined && { cert: await resolvePem('tls.cert', tls.cert) }),
    ...(tls.key !== undefined && { key: await resolveSecret('tls.key', tls.key) }),
    ...(tls.passphrase !== undefined && { passphrase: await resolveSecret('tls.passphrase', tls.passphrase) }),
    ...(tls.serverName !== undefined && { servername: tls.serverName }),
    ...(tls.checkServerName === false && { checkServerIdentity: () => undefined }),
  };
}

async function saslOptions(sasl: SaslOptions, library: KafkaLibrary): Promise<NonNullable<ConnectionOptions['sasl']>> {
  if (sasl.mechanism === 'OAUTHBEARER') {
    const token = (): Promise<string> => resolveSecret('sasl.token', sasl.token);
    return {
      mechanism: sasl.mechanism,
      token: await firstThen(token),
      oauthBearerExtensions: { ...sasl.extensions },
      // A broker answers a token that it does not take with a status, not with an error code.
      authBytesValidator(authBytes, callback) {
        if (authBytes.length === 0) callback(null, authBytes);
        else callback(new library.AuthenticationError('the broker refused the token'));
      },
    };
  }
  const { username, password } = sasl;
  return {
    mechanism: sasl.mechanism,
    username: typeof username === 'string' ? username : await firstThen(() => resolveSecret('sasl.username', username)),
    password: await firstThen(() => resolveSecret('sasl.password', password)),
  };
}

/** Reads once now, so that errors are the caller's; gives that value to the first who asks and reads anew afterwards. */
async function firstThen(read: () => Promise<string>): Promise<() => Promise<string>> {
  let first: string | undefined = await read();
  return async () => {
    const value = first ?? (await read());
    first = undefined;
    return value;
  };
}

function resolvePem(option: string, pem: PemReference): Promise<string> {
  return typeof pem === 'string' ? Promise.resolve(pem) : resolveSecret(option, pem);
}

async function resolveSecret(option: string, reference: SecretReference): Promise<string> {
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
