/**
 * Writes records to a TCP connection. The peer acknowledges nothing, so nothing is guaranteed: what was handed to a connection
 * that breaks may be lost, and what was not yet handed over is sent again over the next one.
 */
import { createConnection, type Socket } from 'node:net';
import { type Clock, MillraceError, type TimerHandle, toError } from '../../common/index.ts';
import { type EncodingFormat, GrowingByteSink, type Sink, type SinkInitContext, type SinkWriter } from '../../connector/index.ts';

export interface SocketSinkOptions {
  /** How often in a row a connection is tried again; 0 by default, -1 for ever. */
  readonly maxRetries?: number;
  /** How long the sink waits before each; 500 by default. */
  readonly reconnectDelayMs?: number;
}

const BUFFER_BYTES = 32 * 1024;
const FLUSH_AFTER_MS = 10;

export class SocketSink<T> implements Sink<T> {
  readonly name = 'Socket Sink';
  readonly deliveryGuarantee = 'NONE';
  readonly #host: string;
  readonly #port: number;
  readonly #format: EncodingFormat<T>;
  readonly #options: Required<SocketSinkOptions>;

  constructor(host: string, port: number, format: EncodingFormat<T>, options: SocketSinkOptions = {}) {
    const { maxRetries = 0, reconnectDelayMs = 500 } = options;
    if (!(Number.isInteger(maxRetries) && maxRetries >= -1 && reconnectDelayMs >= 0)) {
      throw new MillraceError(
        'INVALID_OPTION',
        `maxRetries must be a natural number, or -1 for no limit, and reconnectDelayMs not negative; they are ${maxRetries} and ${reconnectDelayMs}.`,
      );
    }
    this.#host = host;
    this.#port = port;
    this.#format = format;
    this.#options = { maxRetries, reconnectDelayMs };
  }

  async createWriter(context: SinkInitContext): Promise<SinkWriter<T>> {
    const connection = new RetryingConnection(this.#host, this.#port, this.#options, context);
    await connection.connect();
    return new SocketSinkWriter(connection, this.#format, context);
  }
}

class SocketSinkWriter<T> implements SinkWriter<T> {
  readonly #connection: RetryingConnection;
  readonly #encode: (value: T, sink: GrowingByteSink) => void;
  readonly #clock: Clock;
  readonly #numBytesOut: { inc(n?: number): void };
  /** The one that fills, and the one that is being sent. */
  #filling = new GrowingByteSink(BUFFER_BYTES);
  #sent = new GrowingByteSink(BUFFER_BYTES);
  #sending: Promise<void> | undefined;
  #timer: TimerHandle | undefined;
  #error: unknown;

  constructor(connection: RetryingConnection, format: EncodingFormat<T>, context: SinkInitContext) {
    this.#connection = connection;
    this.#encode = format.createEncoder();
    this.#clock = context.clock;
    this.#numBytesOut = context.counter('numBytesOut');
    if (format.header !== undefined) this.#filling.writeBytes(format.header);
  }

  write(value: T): void {
    if (this.#error !== undefined) throw this.#error;
    this.#encode(value, this.#filling);
    if (this.#filling.length >= BUFFER_BYTES) this.#send();
    else this.#timer ??= this.#clock.setTimer(FLUSH_AFTER_MS, () => this.#send());
  }

  /** One buffer is sent while the next one fills; when both are full, the input waits. */
  isAvailable(): Promise<void> | undefined {
    return this.#filling.length >= BUFFER_BYTES ? this.#sending : undefined;
  }

  async flush(): Promise<void> {
    do {
      this.#send();
      await this.#sending;
      if (this.#error !== undefined) throw this.#error;
    } while (this.#filling.length > 0 || this.#sending !== undefined);
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#connection.close();
  }

  #send(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#filling.length === 0 || this.#sending !== undefined || this.#error !== undefined) return;
    const full = this.#filling;
    this.#filling = this.#sent;
    this.#sent = full;
    this.#sending = this.#connection.send(full.bytes.subarray(0, full.length)).then(
      () => {
        this.#numBytesOut.inc(full.length);
        this.#afterSending(full);
      },
      (error) => {
        this.#error = error;
        this.#afterSending(full);
      },
    );
  }

  #afterSending(sent: GrowingByteSink): void {
    sent.clear();
    this.#sending = undefined;
    if (this.#filling.length >= BUFFER_BYTES) this.#send();
    else if (this.#filling.length > 0) this.#timer ??= this.#clock.setTimer(FLUSH_AFTER_MS, () => this.#send());
  }
}

/** A connection that is opened again when it breaks. */
class RetryingConnection {
  readonly #host: string;
  readonly #port: number;
  readonly #options: Required<SocketSinkOptions>;
  readonly #context: SinkInitContext;
  #socket: Socket | undefined;
  /** Ends a wait between two attempts. */
  #cancelWait: () => void = () => {};
  #closed = false;

  constructor(host: string, port: number, options: Required<SocketSinkOptions>, context: SinkInitContext) {
    this.#host = host;
    this.#port = port;
    this.#options = options;
    this.#context = context;
  }

  async connect(): Promise<void> {
    await this.#retrying(async () => {});
  }

  /** Resolves when the system has taken all of `bytes`. */
  async send(bytes: Uint8Array): Promise<void> {
    await this.#retrying(
      (socket) =>
        new Promise<void>((resolve, reject) => {
          const onClose = (): void => reject(new Error('the peer closed the connection'));
          socket.once('close', onClose);
          socket.write(bytes, (error) => {
            socket.off('close', onClose);
            if (error) reject(error);
            else resolve();
          });
        }),
    );
  }

  async #retrying(work: (socket: Socket) => Promise<void>): Promise<void> {
    for (let retries = 0; ; retries++) {
      try {
        this.#socket ??= await this.#open();
        await work(this.#socket);
        return;
      } catch (error) {
        this.#socket?.destroy();
        this.#socket = undefined;
        const { maxRetries, reconnectDelayMs } = this.#options;
        const peer = `${this.#host}:${this.#port}`;
        if (this.#closed || (maxRetries !== -1 && retries >= maxRetries)) {
          throw new MillraceError('SINK_FAILED', `Cannot write to ${peer}: ${toError(error).message}.`, {
            cause: error,
            context: { host: this.#host, port: this.#port },
          });
        }
        this.#context.logger.log('warn', `The connection to ${peer} failed; connects again.`, { error: toError(error).message });
        await new Promise<void>((resolve) => {
          const timer = this.#context.clock.setTimer(reconnectDelayMs, resolve);
          this.#cancelWait = () => {
            timer.cancel();
            resolve();
          };
        });
      }
    }
  }

  #open(): Promise<Socket> {
    return new Promise<Socket>((resolve, reject) => {
      const socket = createConnection({ host: this.#host, port: this.#port });
      socket.once('connect', () => resolve(socket));
      socket.on('error', reject);
      // Whatever the peer sends is of no interest, but must be read for its end to be noticed.
      socket.resume();
      socket.once('close', () => {
        if (this.#socket === socket) this.#socket = undefined;
      });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelWait();
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined || socket.destroyed) return;
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
      socket.end();
      socket.destroySoon();
    });
  }
}
