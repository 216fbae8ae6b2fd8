/**
 * Lines of text from a TCP connection, as Flink's socketTextStream: unbounded, without positions, so records are lost with
 * the connection or the job.
 *
 * Bytes are kept as they come and cut into lines when the reader is polled; while more than `HIGH_WATER_BYTES` wait, the socket
 * is paused, and TCP holds the peer back. What a peer leaves without a delimiter when it ends the connection is a last line;
 * when the connection breaks, it is half a record and is dropped.
 */
import { createConnection, type Socket } from 'node:net';
import { MillraceError } from '../../common/index.ts';
import {
  type Boundedness,
  type InputStatus,
  type RecordBatch,
  type Source,
  type SourceReader,
  type SourceReaderContext,
  type SourceSplit,
  type SplitEnumeratorContext,
  StaticSplitEnumerator,
} from '../../connector/index.ts';
import { DelimitedText } from './delimited-text.ts';

export interface SocketSourceOptions {
  /** What ends a record; a newline by default, and then a carriage return before it belongs to it. */
  readonly delimiter?: string;
  /** How often the source connects again, all in all, after the peer has closed or could not be reached; 0 by default, -1 for ever. */
  readonly maxRetries?: number;
  /** How long it waits before each; 500 by default. */
  readonly reconnectDelayMs?: number;
  /** How long one record may be; 16 MiB by default. */
  readonly maxRecordBytes?: number;
}

/** There is one: the connection. */
export type SocketSplit = SourceSplit;

interface Address {
  readonly host: string;
  readonly port: number;
}

const HIGH_WATER_BYTES = 256 * 1024;
const LOW_WATER_BYTES = 64 * 1024;

/**
 * Ends when the peer closes the connection and no retries are left; fails if it could never connect. At most once: after a
 * failure it connects anew, and what the peer had sent before is not read again. One reader reads; others end at once.
 */
export class SocketSource implements Source<string, SocketSplit, SocketSplit[]> {
  readonly name = 'Socket Source';
  readonly boundedness: Boundedness = 'CONTINUOUS_UNBOUNDED';
  readonly #address: Address;
  readonly #options: Required<SocketSourceOptions>;

  constructor(host: string, port: number, options: SocketSourceOptions = {}) {
    const { delimiter = '\n', maxRetries = 0, reconnectDelayMs = 500, maxRecordBytes = 16 * 1024 * 1024 } = options;
    if (delimiter === '') throw new MillraceError('INVALID_OPTION', 'The delimiter of a socket source must not be empty.');
    if (!(Number.isInteger(maxRetries) && maxRetries >= -1)) {
      throw new MillraceError('INVALID_OPTION', `maxRetries must be a natural number, or -1 for no limit, but is ${maxRetries}.`);
    }
    if (!(reconnectDelayMs >= 0 && maxRecordBytes > 0)) {
      throw new MillraceError('INVALID_OPTION', 'reconnectDelayMs must not be negative, and maxRecordBytes must be positive.');
    }
    this.#address = { host, port };
    this.#options = { delimiter, maxRetries, reconnectDelayMs, maxRecordBytes };
  }

  createEnumerator(context: SplitEnumeratorContext<SocketSplit>): StaticSplitEnumerator<SocketSplit> {
    return new StaticSplitEnumerator(context, [{ splitId: `${this.#address.host}:${this.#address.port}` }]);
  }

  restoreEnumerator(context: SplitEnumeratorContext<SocketSplit>, checkpoint: SocketSplit[]): StaticSplitEnumerator<SocketSplit> {
    return new StaticSplitEnumerator(context, checkpoint);
  }

  createReader(context: SourceReaderContext): SourceReader<string, SocketSplit> {
    return new SocketSourceReader(context, this.#address, this.#options);
  }
}

class SocketSourceReader implements SourceReader<string, SocketSplit> {
  readonly #context: SourceReaderContext;
  readonly #address: Address;
  readonly #options: Required<SocketSourceOptions>;
  readonly #text: DelimitedText;
  #split: SocketSplit | undefined;
  #noMoreSplits = false;
  #socket: Socket | undefined;
  #wasConnected = false;
  #retries = 0;
  /** Nothing more will arrive. */
  #ended = false;
  #closed = false;
  #error: MillraceError | undefined;
  #cancelReconnect: () => void = () => {};
  #wake: () => void = () => {};

  constructor(context: SourceReaderContext, address: Address, options: Required<SocketSourceOptions>) {
    this.#context = context;
    this.#address = address;
    this.#options = options;
    this.#text = new DelimitedText(options.delimiter);
  }

  start(): void {
    if (this.#split === undefined) this.#context.sendSplitRequest();
  }

  addSplits(splits: readonly SocketSplit[]): void {
    this.#split = splits[0] ?? this.#split;
    if (this.#split !== undefined && this.#socket === undefined) this.#connect();
  }

  notifyNoMoreSplits(): void {
    this.#noMoreSplits = true;
    this.#wake();
  }

  pollBatch(batch: RecordBatch<string>, maxRecords: number): InputStatus {
    if (this.#split === undefined) return this.#noMoreSplits ? 'END_OF_INPUT' : 'NOTHING_AVAILABLE';
    batch.splitId = this.#split.splitId;
    const waitingBefore = this.#text.bytes;
    while (batch.length < maxRecords) {
      const line = this.#text.next();
      if (line === undefined) break;
      batch.values[batch.length++] = line;
    }
    batch.bytes = waitingBefore - this.#text.bytes;
    if (this.#text.bytes <= LOW_WATER_BYTES || batch.length < maxRecords) this.#socket?.resume();
    if (batch.length === maxRecords) return 'MORE_AVAILABLE';
    if (this.#text.bytes > this.#options.maxRecordBytes) {
      throw new MillraceError(
        'MALFORMED_RECORD',
        `${batch.splitId}: a record does not end within ${this.#text.bytes} bytes, and maxRecordBytes is ${this.#options.maxRecordBytes}.`,
        { context: { source: batch.splitId }, recoverable: false },
      );
    }
    if (this.#error !== undefined) throw this.#error;
    if (!this.#ended) return 'NOTHING_AVAILABLE';
    batch.addFinishedSplit(batch.splitId);
    this.#split = undefined;
    this.#noMoreSplits = true;
    return 'END_OF_INPUT';
  }

  async isAvailable(): Promise<void> {
    while (
      !this.#text.hasNews &&
      !this.#ended &&
      this.#error === undefined &&
      !(this.#split === undefined && this.#noMoreSplits)
    ) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  snapshotState(): SocketSplit[] {
    return this.#split === undefined ? [] : [this.#split];
  }

  close(): void {
    this.#closed = true;
    this.#ended = true;
    this.#cancelReconnect();
    this.#socket?.destroy();
    this.#wake();
  }

  #connect(): void {
    const socket = createConnection({ host: this.#address.host, port: this.#address.port });
    this.#socket = socket;
    let failure: Error | undefined;
    socket.on('connect', () => {
      this.#wasConnected = true;
    });
    socket.on('data', (bytes) => {
      this.#text.append(bytes);
      if (this.#text.bytes > HIGH_WATER_BYTES) socket.pause();
      this.#wake();
    });
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => {
      if (!this.#closed) this.#onClose(failure);
    });
  }

  #onClose(failure: Error | undefined): void {
    const peer = `${this.#address.host}:${this.#address.port}`;
    const { maxRetries, reconnectDelayMs } = this.#options;
    if (failure === undefined) {
      this.#text.end();
    } else {
      this.#text.dropIncomplete();
      this.#context.logger.log('warn', `The connection to ${peer} failed.`, { error: failure.message, retries: this.#retries });
    }
    if (maxRetries === -1 || this.#retries < maxRetries) {
      this.#retries++;
      const timer = this.#context.clock.setTimer(reconnectDelayMs, () => this.#connect());
      this.#cancelReconnect = () => timer.cancel();
    } else if (this.#wasConnected) {
      this.#ended = true;
    } else {
      this.#error = new MillraceError(
        'SOURCE_FAILED',
        `Cannot connect to ${peer}: ${failure?.message ?? 'the connection was closed'}.`,
        {
          cause: failure,
          context: { host: this.#address.host, port: this.#address.port },
        },
      );
    }
    this.#wake();
  }
}
