/**
 * One connection to one broker: opened, secured, and asked what the broker can; then requests go out in order, and their answers come
 * back in order.
 *
 * Nothing waits for ever: each request has a time-out of its own, after which the whole connection is ended (answers come in order, so
 * the next would not come either). A connection that ended, for whatever reason, rejects what was under way and is never used again;
 * the pool makes another. One whose SASL session is about to end is retired: it takes no new requests, and is ended when the last
 * answer is there.
 *
 * The socket is our own, not that of the library's `Connection`, for the sake of memory: see `FrameMemory`. What is written is not
 * copied either.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions as TlsConnectionOptions } from 'node:tls';
import type { Reader, Writer } from '@platformatic/kafka';
import { type Clock, MillraceError } from '../../../common/index.ts';
import { type ApiVersions, apiVersionsApi } from './apis/cluster-apis.ts';
import type { KafkaApi } from './apis/kafka-api.ts';
import { saslAuthenticateApi, saslHandshakeApi } from './apis/sasl-apis.ts';
import { connectFailure } from './connect-failure.ts';
import type { Frame, FrameMemory } from './frame-memory.ts';
import { FrameReader } from './frame-reader.ts';
import { connectionError, kafkaError } from './kafka-errors.ts';
import type { KafkaLibrary } from './kafka-library.ts';
import type { KafkaSecurity } from './kafka-security.ts';
import { authenticate } from './sasl.ts';
import { resolveTls } from './secrets.ts';

export interface ConnectionSettings {
  readonly library: KafkaLibrary;
  readonly clientId: string;
  readonly security: KafkaSecurity;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  /** For large answers. */
  readonly memory?: FrameMemory;
}

interface PendingRequest {
  readonly correlationId: number;
  /** @throws any error, if the answer is not what it should be. */
  answer(frame: Frame): void;
  fail(error: MillraceError): void;
}

const KEEP_ALIVE_MS = 10_000;
/** The share of a SASL session's life after which the connection is retired. */
const SESSION_SHARE = 0.8;
/** Parts of a request that are shorter are put together. */
const SMALL_PART_BYTES = 4_096;

export class BrokerConnection {
  /** `host:port`. */
  readonly address: string;
  readonly #settings: ConnectionSettings;
  readonly #socket: Socket;
  readonly #pending: PendingRequest[] = [];
  #api: ApiVersions = { error: undefined, versions: new Map(), features: new Map() };
  #correlationId = 0;
  #retiresAtMs = Number.POSITIVE_INFINITY;
  #ended: MillraceError | undefined;
  #whenIdle: (() => void) | undefined;

  private constructor(address: string, settings: ConnectionSettings, connect: (onread: OnRead) => Socket) {
    this.address = address;
    this.#settings = settings;
    const frames = new FrameReader((frame) => this.#onFrame(frame), settings.memory);
    this.#socket = connect({
      buffer: () => frames.target(),
      callback: (count) => {
        try {
          frames.received(count);
        } catch (error) {
          this.#fail(error);
        }
        return this.#ended === undefined;
      },
    });
    this.#socket.setNoDelay(true);
    this.#socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the broker closed the connection')));
  }

  /** @throws MillraceError if it cannot be connected, retriable unless security is the reason. */
  static async open(host: string, port: number, settings: ConnectionSettings): Promise<BrokerConnection> {
    const { security, connectTimeoutMs, clock } = settings;
    const address = `${host}:${port}`;
    let connection: BrokerConnection | undefined;
    let late = false;
    const tooLate = Promise.withResolvers<never>();
    const timer = clock.setTimer(connectTimeoutMs, () => {
      late = true;
      tooLate.reject(new Error(`no answer within ${connectTimeoutMs} ms`));
    });
    const establish = async (): Promise<BrokerConnection> => {
      const tls = security.tls ? await resolveTls(security.tls === true ? {} : security.tls) : undefined;
      if (late) return tooLate.promise;
      connection = new BrokerConnection(address, settings, (onread) => connectSocket(host, port, tls, onread));
      await connection.#connected(tls === undefined ? 'connect' : 'secureConnect');
      await connection.#introduce();
      return connection;
    };
    try {
      return await Promise.race([establish(), tooLate.promise]);
    } catch (error) {
      const failure = connectFailure(address, error, security);
      connection?.end(failure);
      throw failure;
    } finally {
      timer.cancel();
    }
  }

  /** Whether new requests can be sent. */
  get usable(): boolean {
    return this.#ended === undefined && this.#settings.clock.monotonicMs() < this.#retiresAtMs;
  }

  /** What the broker said that it can. */
  get api(): ApiVersions {
    return this.#api;
  }

  /** Resolves when nothing is under way; then ends. For a connection that is not usable any more. */
  async retire(): Promise<void> {
    if (this.#ended === undefined && this.#pending.length > 0) {
      await new Promise<void>((resolve) => {
        const before = this.#whenIdle;
        this.#whenIdle = () => {
          before?.();
          resolve();
        };
      });
    }
    this.end(connectionError(`connection to ${this.address}`, 'its session has ended'));
  }

  /** The newest version that both sides speak. @throws MillraceError `UNSUPPORTED_VERSION` if there is none. */
  versionOf(api: KafkaApi<never, unknown>, lowest = api.minVersion, highest = api.maxVersion): number {
    const broker = this.#api.versions.get(api.key);
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

  /**
   * @param timeoutMs After which the connection is ended.
   * @throws MillraceError, retriable, if the connection ends before the answer is there.
   */
  send<Request, Response>(
    api: KafkaApi<Request, Response>,
    request: Request,
    version: number,
    timeoutMs: number,
  ): Promise<Response> {
    const what = `${api.name} to ${this.address}`;
    return new Promise<Response>((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(connectionError(what, this.#ended));
        return;
      }
      const correlationId = this.#correlationId++ & 0x7fff_ffff;
      const parts = this.#encode(api, request, version, correlationId);
      const timer = this.#settings.clock.setTimer(timeoutMs, () => {
        this.#fail(new Error(`no answer within ${Math.round(timeoutMs)} ms`));
      });
      this.#pending.push({
        correlationId,
        answer: (frame) => {
          timer.cancel();
          try {
            resolve(this.#decode(api, version, frame));
          } catch (error) {
            reject(error instanceof MillraceError ? error : connectionError(what, error));
            throw error;
          }
        },
        fail: (error) => {
          timer.cancel();
          reject(connectionError(what, error));
        },
      });
      this.#socket.cork();
      for (const part of parts) this.#socket.write(part);
      this.#socket.uncork();
    });
  }

  /** Ends the connection at once and rejects what is under way. */
  end(reason: MillraceError): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#socket.destroy();
    for (const request of this.#pending.splice(0)) request.fail(reason);
    this.#whenIdle?.();
  }

  #fail(error: unknown): void {
    if (this.#ended === undefined)
      this.end(error instanceof MillraceError ? error : connectionError(`connection to ${this.address}`, error));
  }

  #connected(event: 'connect' | 'secureConnect'): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.once(event, resolve);
      this.#pending.push({ correlationId: -1, answer: () => {}, fail: reject });
    }).then(() => {
      this.#pending.length = 0;
    });
  }

  /** Asks what the broker can, and says who we are. */
  async #introduce(): Promise<void> {
    const { security, connectTimeoutMs, clock } = this.#settings;
    const software = { softwareName: 'millrace', softwareVersion: '1' };
    this.#api = await this.send(apiVersionsApi, software, apiVersionsApi.maxVersion, connectTimeoutMs);
    if (this.#api.error !== undefined) throw kafkaError(`asking ${this.address} for its API versions`, this.#api.error);
    const { sasl } = security;
    if (sasl === undefined) return;
    const what = `authenticating with ${this.address} (${sasl.mechanism})`;
    const handshake = await this.send(saslHandshakeApi, sasl.mechanism, this.versionOf(saslHandshakeApi), connectTimeoutMs);
    if (handshake.error !== undefined) throw kafkaError(what, handshake.error, `it has ${handshake.mechanisms.join(', ')}`);
    const version = this.versionOf(saslAuthenticateApi);
    let sessionLifetimeMs = 0;
    await authenticate(sasl, async (bytes) => {
      const answer = await this.send(saslAuthenticateApi, bytes, version, connectTimeoutMs);
      if (answer.error !== undefined) throw kafkaError(what, answer.error, answer.errorMessage);
      sessionLifetimeMs = answer.sessionLifetimeMs;
      return answer.bytes;
    });
    if (sessionLifetimeMs > 0) this.#retiresAtMs = clock.monotonicMs() + sessionLifetimeMs * SESSION_SHARE;
  }

  /** The parts of a request as they go to the socket: large ones, such as record batches, are not copied. */
  #encode<Request>(api: KafkaApi<Request, unknown>, request: Request, version: number, correlationId: number): Buffer[] {
    const { library, clientId } = this.#settings;
    const payload: Writer = library.Writer.create();
    api.write(payload, request, version);
    const header: Writer = library.Writer.create();
    header.appendInt16(api.key).appendInt16(version).appendInt32(correlationId).appendString(clientId, false);
    if (api.flexible !== false) header.appendTaggedFields();
    const size = Buffer.allocUnsafe(4);
    size.writeInt32BE(header.length + payload.length);
    const parts: Buffer[] = [];
    let small: Buffer[] = [size];
    for (const part of [...header.buffers, ...payload.buffers]) {
      if (part.length < SMALL_PART_BYTES) small.push(part);
      else {
        parts.push(Buffer.concat(small), part);
        small = [];
      }
    }
    parts.push(Buffer.concat(small));
    return parts;
  }

  #decode<Response>(api: KafkaApi<never, Response>, version: number, frame: Frame): Response {
    const reader: Reader = this.#settings.library.Reader.from(frame.bytes);
    reader.readInt32(); // correlation id
    if (api.flexibleResponse ?? api.flexible ?? true) reader.readTaggedFields();
    let kept = false;
    const keep = (): (() => void) => {
      kept = true;
      return frame.release;
    };
    try {
      return api.read(reader, version, { keep });
    } finally {
      if (!kept) frame.release();
    }
  }

  #onFrame(frame: Frame): void {
    const correlationId = frame.bytes.readInt32BE(0);
    const request = this.#pending.shift();
    if (request?.correlationId !== correlationId) {
      if (request !== undefined) this.#pending.unshift(request);
      throw connectionError(`connection to ${this.address}`, `an answer came out of order (${correlationId})`);
    }
    request.answer(frame);
    if (this.#pending.length === 0) this.#whenIdle?.();
  }
}

function connectSocket(host: string, port: number, tls: TlsConnectionOptions | undefined, onread: OnRead): Socket {
  if (tls === undefined) return connectTcp({ host, port, onread });
  const name = isIP(host) === 0 ? { servername: host } : {};
  const options: TlsConnectionOptions & { readonly onread: OnRead } = { host, port, ...name, ...tls, onread };
  return connectTls(options);
}

/** How a socket of Node's delivers into memory that it is given. */
interface OnRead {
  readonly buffer: () => Uint8Array;
  readonly callback: (count: number) => boolean;
}
