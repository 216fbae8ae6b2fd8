/**
 * Says why a connection could not be made: the causes that a user can mend are told apart from those that pass.
 */
import { MillraceError } from '../../../common/index.ts';
import { TLS_WANTED } from './frame-reader.ts';
import { connectionError } from './kafka-errors.ts';
import type { KafkaSecurity } from './kafka-security.ts';

const UNTRUSTED = /^(ERR_TLS_CERT|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/;

export function connectFailure(address: string, error: unknown, security: KafkaSecurity): MillraceError {
  if (error instanceof MillraceError && error.context.kafkaError !== 'NETWORK_EXCEPTION') return error;
  const what = `connecting to ${address}`;
  const root = rootCause(error);
  const { code = '' } = root as Error & { code?: string };
  if (root.message === TLS_WANTED) return permanent(what, TLS_WANTED);
  if (UNTRUSTED.test(code)) {
    return permanent(
      what,
      `the broker's certificate is not trusted (${root.message}): set security.tls.ca or security.tls.serverName`,
    );
  }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER')
    return permanent(what, 'the broker does not speak TLS there: leave security.tls away');
  // Such a broker says nothing, or closes the connection.
  const silent = /no answer|closed|socket hang up|disconnected/.test(root.message) || code === 'ECONNRESET';
  const hint = silent ? ` (${security.tls ? 'does this listener speak TLS' : 'does this listener want TLS'}?)` : '';
  return connectionError(what, `${root.message}${hint}`);
}

function permanent(what: string, why: string): MillraceError {
  return new MillraceError('SERVICE_FAILED', `Kafka: ${what}: ${why}.`, { context: { retriable: false }, recoverable: false });
}

function rootCause(error: unknown): Error {
  let root = error instanceof Error ? error : new Error(String(error));
  for (let depth = 0; root.cause !== undefined && depth < 8; depth++) {
    root = root.cause instanceof Error ? root.cause : new Error(String(root.cause));
  }
  return root;
}
