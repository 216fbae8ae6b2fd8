/** How a lookup or a sink reaches its Redis: options as the user writes them. */
import { MillraceError } from '../../common/index.ts';
import type { SecretReference } from './secret.ts';

export interface RedisTlsOptions {
  /** PEM file with the certificates of authorities to trust instead of the platform's. */
  readonly caFile?: string;
  /** PEM files: the client's own certificate and its key, if the server asks for them. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** The name that the server's certificate must have, instead of the host's. */
  readonly serverName?: string;
}

export interface RedisConnectionOptions {
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: 6379. */
  readonly port?: number;
  /** The number of the logical database. Default: 0. */
  readonly database?: number;
  /** Default: Redis' own default user. */
  readonly username?: string;
  readonly password?: SecretReference;
  /** `true`: TLS with the platform's authorities. Default: false. */
  readonly tls?: boolean | RedisTlsOptions;
  /** How long a connection may take. Default: 10,000. */
  readonly connectTimeoutMs?: number;
  /** How long the answer to commands may take, before the connection is given up. Default: 10,000. */
  readonly commandTimeoutMs?: number;
  /** How long commands are tried again while Redis is out of reach, before the job fails. Default: 60,000; 0 for no second attempt. */
  readonly retryTimeoutMs?: number;
}

/** @throws MillraceError `INVALID_OPTION` */
export function checkConnectionOptions(options: RedisConnectionOptions): void {
  const { port = 1, database = 0, connectTimeoutMs = 1, commandTimeoutMs = 1, retryTimeoutMs = 0, password, tls } = options;
  const check = (holds: boolean, problem: string): void => {
    if (!holds) throw new MillraceError('INVALID_OPTION', `Connection to Redis: ${problem}.`);
  };
  check(Number.isInteger(port) && port > 0 && port < 65_536, `port must be from 1 to 65535; it is ${port}`);
  check(Number.isInteger(database) && database >= 0, `database must be a number from 0; it is ${database}`);
  check(connectTimeoutMs > 0 && commandTimeoutMs > 0, 'connectTimeoutMs and commandTimeoutMs must be positive');
  check(retryTimeoutMs >= 0, 'retryTimeoutMs must not be negative');
  check(
    typeof password !== 'string',
    "password must say where the password is found, as { env: 'NAME' }, { file: 'path' } or a function; it must not be the password itself",
  );
  check(
    typeof tls !== 'object' || (tls.certFile === undefined) === (tls.keyFile === undefined),
    'tls.certFile and tls.keyFile belong together',
  );
}
