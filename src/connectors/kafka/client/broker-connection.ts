/**
 * One connection to one broker: opened, secured, and asked what the broker can; then requests go out in order, and their answers come
 * back in order.
 *
 * Nothing waits for ever: each request has a time-out of its own, after which the whole connection is ended (answers come in order, so
 * the next would not come either). A connection that ended, for whatever reason, rejects what was under way and is never
 * used again; the pool makes another.
 */
import type { Connection, Reader, Writer } from '@platformatic/kafka';
import type { Clock } from '../../../common/index.ts';
import { MillraceError } from '../../../common/index.ts';
import { type ApiVersions, apiVersionsApi } from './apis/cluster-apis.ts';
import type { KafkaApi } from './apis/kafka-api.ts';
import { connectionError, type KafkaErrorName, kafkaError } from './kafka-errors.ts';
import type { KafkaLibrary } from './kafka-library.ts';
import type { KafkaSecurity } from './kafka-security.ts';
import { connectionSecurity } from './secrets.ts';

export interface ConnectionSettings {
  readonly library: KafkaLibrary;
  readonly clientId: string;
  readonly security: KafkaSecurity;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
}

const KEEP_ALIVE_MS = 10_000;
/** Time-outs and limits on what is under way are kept here and by callers, not by the library. */
const NEVER_MS = 2_147_483_647;
const UNLIMITED = 1_000_000;

export class BrokerConnection {
  /** `host:port`. */
  readonly address: string;
  /** What the broker said that it can. */
  readonly api: ApiVersions;
  readonly #connection: Connection;
  readonly #library: KafkaLibrary;
  readonly #clock: Clock;
  readonly #pending: Set<(error: MillraceError) => void>;
  #ended = false;

  private constructor(address: string, api: ApiVersions, link: Link) {
    this.address = address;
    this.api = api;
    this.#connection = link.connection;
    this.#library = link.library;
    this.#clock = link.clock;
    this.#pending = link.pending;
    link.onEnd = (error) => this.end(error);
  }

  /** @throws MillraceError if it cannot be connected, retriable unless security is the reason. */
  static async open(host: string, port: number, settings: ConnectionSettings): Promise<BrokerConnection> {
    const { library, clientId, security, connectTimeoutMs, clock } = settings;
    const address = `${host}:${port}`;
    const connection = new library.Connection(clientId, {
      connectTimeout: connectTimeoutMs,
      requestTimeout: NEVER_MS,
      maxInflights: UNLIMITED,
      ...(await within(connectTimeoutMs, clock, `secrets for ${address}`, connectionSecurity(security, library))),
    });
    const link: Link = { connection, library, clock, pending: new Set(), onEnd: undefined };
    connection.on('error', (error) => link.onEnd?.(connectionError(`connection to ${address}`, error)));
    connection.on('close', () => link.onEnd?.(connectionError(`connection to ${address}`, 'the broker closed it')));
    try {
      await connection.connect(host, port);
      connection.socket.setKeepAlive(true, KEEP_ALIVE_MS);
      const software = { softwareName: 'millrace', softwareVersion: '1' };
      const api = await exchange(link, address, apiVersionsApi, software, apiVersionsApi.maxVersion, connectTimeoutMs, false);
      if (api.error !== undefined) throw kafkaError(`asking ${address} for its API versions`, api.error);
      return new BrokerConnection(address, api, link);
    } catch (error) {
      destroy(connection);
      throw connectFailure(address, error, security);
    }
  }

  get usable(): boolean {
    return !this.#ended;
  }

  /** The newest version that both sides speak. @throws MillraceError `UNSUPPORTED_VERSION` if there is none. */
  versionOf(api: KafkaApi<never, unknown>, lowest = api.minVersion, highest = api.maxVersion): number {
    const broker = this.api.versions.get(api.key);
    const version = Math.min(highest, broker?.max ?? -1);
    if (broker === undefined || version < Math.max(lowest, broker.min)) {
      const has = broker === undefined ? 'does not have it' : `has ${broker.min} to ${broker.max}`;
      throw kafkaError(
        `${api.name} in version ${lowest} to ${highest} is needed, and ${this.address} ${has}`,
        'UNSUPPORTED_VERSION',
      );
    }
    return version;
  }

  /** @throws MillraceError, retriable, if the connection ends or the answer takes longer than `timeoutMs`. */
  async send<Request, Response>(
    api: KafkaApi<Request, Response>,
    request: Request,
    version: number,
    timeoutMs: number,
  ): Promise<Response> {
    if (this.#ended) throw connectionError(`${api.name} to ${this.address}`, 'the connection has ended');
    // A session that is being renewed takes no other requests.
    if (!this.#connection.isConnected()) await this.#ready(api.name);
    const link: Link = { connection: this.#connection, library: this.#library, clock: this.#clock, pending: this.#pending };
    try {
      return await exchange(link, this.address, api, request, version, timeoutMs, true);
    } catch (error) {
      // After an answer that was late or could not be read, the next ones cannot be trusted either.
      if (!this.#ended)
        this.end(error instanceof MillraceError ? error : connectionError(`${api.name} to ${this.address}`, error));
      throw error;
    }
  }

  /** Ends the connection at once and rejects what is under way. */
  end(reason: MillraceError): void {
    if (this.#ended) return;
    this.#ended = true;
    destroy(this.#connection);
    for (const reject of [...this.#pending]) reject(reason);
  }

  async #ready(name: string): Promise<void> {
    try {
      await this.#connection.ready();
    } catch (error) {
      throw connectionError(`${name} to ${this.address}`, error);
    }
  }
}

interface Link {
  readonly connection: Connection;
  readonly library: KafkaLibrary;
  readonly clock: Clock;
  readonly pending: Set<(error: MillraceError) => void>;
  onEnd?: ((error: MillraceError) => void) | undefined;
}

function exchange<Request, Response>(
  { connection, library, clock, pending }: Link,
  address: string,
  api: KafkaApi<Request, Response>,
  request: Request,
  version: number,
  timeoutMs: number,
  taggedResponseHeader: boolean,
): Promise<Response> {
  return new Promise<Response>((resolve, reject) => {
    const settle = (): boolean => {
      timer.cancel();
      return pending.delete(fail);
    };
    const fail = (error: MillraceError): void => {
      if (settle()) reject(error);
    };
    const what = `${api.name} to ${address}`;
    const timer = clock.setTimer(timeoutMs, () => fail(connectionError(what, `no answer within ${Math.round(timeoutMs)} ms`)));
    pending.add(fail);
    connection.send<Response>(
      api.key,
      version,
      () => {
        const writer: Writer = library.Writer.create();
        api.write(writer, request, version);
        return writer;
      },
      (_correlationId: number, _key: number, _version: number, reader: Reader) => api.read(reader, version),
      true,
      taggedResponseHeader,
      (error, response) => {
        if (error) fail(error instanceof MillraceError ? error : connectionError(what, error));
        else if (settle()) resolve(response as Response);
      },
    );
  });
}

/** Fails if `promise` takes longer: it may be a function of the user's. */
async function within<T>(timeoutMs: number, clock: Clock, what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = clock.setTimer(timeoutMs, () => late.reject(connectionError(what, `not there within ${timeoutMs} ms`)));
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    timer.cancel();
  }
}

/** Does not wait for what is still to be written: the other end may be gone. */
function destroy(connection: Connection): void {
  connection.close().catch(() => {});
  connection.socket?.destroy();
}

/** Says why a connection failed: the causes that a user can mend are told apart from those that pass. */
function connectFailure(address: string, error: unknown, security: KafkaSecurity): MillraceError {
  if (error instanceof MillraceError && error.context.kafkaError !== 'NETWORK_EXCEPTION') return error;
  const what = `connecting to ${address}`;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code, errors } = cause as Error & {
      code?: string;
      errors?: { apiId?: KafkaErrorName; serverErrorMessage?: string }[];
    };
    const refusal = errors?.find((e) => e.apiId === 'UNSUPPORTED_SASL_MECHANISM' || e.apiId === 'SASL_AUTHENTICATION_FAILED');
    if (refusal?.apiId) return kafkaError(what, refusal.apiId, refusal.serverErrorMessage);
    if (code === 'PLT_KFK_AUTHENTICATION' && !(cause.cause instanceof Error)) {
      return kafkaError(what, 'SASL_AUTHENTICATION_FAILED', cause.message);
    }
    if (cause.message === 'Broker requires TLS.') return insecure(what, 'the broker wants TLS: set security.tls');
    if (code !== undefined && /^(ERR_TLS_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/.test(code)) {
      return insecure(what, `the broker's certificate is not trusted (${cause.message}): set security.tls.ca or serverName`);
    }
  }
  const root = rootCause(error);
  const hint = security.tls || security.sasl ? '' : ' (no answer at all can mean that the listener wants TLS or SASL)';
  return connectionError(what, `${root.message}${/timed out|closed|no answer/.test(root.message) ? hint : ''}`);
}

function insecure(what: string, why: string): MillraceError {
  return new MillraceError('SERVICE_FAILED', `Kafka: ${what}: ${why}.`, { context: { retriable: false }, recoverable: false });
}

function rootCause(error: unknown): Error {
  let root = error instanceof Error ? error : new Error(String(error));
  while (root.cause instanceof Error) root = root.cause;
  return root;
}
