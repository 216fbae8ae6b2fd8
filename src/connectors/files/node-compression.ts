/**
 * gzip and zstd by `node:zlib`, which works on threads of its own: decompressing the next chunk overlaps with decoding this one.
 *
 * Files may consist of several gzip members or zstd frames one behind the other (`cat a.gz b.gz`, parallel compressors). Node
 * reads on over gzip members by itself, but ends a zstd stream where a frame ends in the middle of a chunk: then a new stream
 * takes the rest. An empty file is empty input, as it is uncompressed. One chunk of input is in the stream at a time, so
 * memory stays bounded whatever the ratio.
 */
import type { Transform } from 'node:stream';
import { constants, createGunzip, createGzip, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { MillraceError, toError } from '../../common/index.ts';
import type { FileReader, FileWriter } from '../../filesystem/index.ts';
import type { Compression } from './compression.ts';

const INPUT_BYTES = 64 * 1024;
/** Each piece of output is a trip to another thread: 256 KiB measured up to twice as fast as 64. */
const OUTPUT_BYTES = 256 * 1024;

export const gzip: Compression = {
  name: 'gzip',
  suffix: '.gz',
  decompress: (compressed, path) => new DecompressingReader(compressed, path, () => createGunzip({ chunkSize: OUTPUT_BYTES })),
  compress: (target, path) => new CompressingWriter(target, path, createGzip({ chunkSize: INPUT_BYTES })),
};

export const zstd: Compression = {
  name: 'zstd',
  suffix: '.zst',
  decompress: (compressed, path) =>
    new DecompressingReader(compressed, path, () => createZstdDecompress({ chunkSize: OUTPUT_BYTES })),
  compress: (target, path) =>
    new CompressingWriter(
      target,
      path,
      createZstdCompress({ chunkSize: INPUT_BYTES, params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
    ),
};

/** All that Node offers for files by suffix. */
export const nodeCompressions: readonly Compression[] = [gzip, zstd];

/** What the streams of zlib count, which their base class does not declare. */
type CountingTransform = Transform & { readonly bytesWritten: number };

class DecompressingReader implements FileReader {
  readonly #compressed: FileReader;
  readonly #path: string;
  readonly #createStream: () => CountingTransform;
  /** The chunk of input that the stream works on: `[0 .. #inputEnd)`. */
  readonly #input = new Uint8Array(INPUT_BYTES);
  #inputEnd = 0;
  #inputEnded = false;
  #stream: CountingTransform | undefined;
  /** Bytes given to the present stream. */
  #given = 0;
  #wantsInput = true;
  #streamEnded = false;
  #error: Error | undefined;
  /** Output of which the last caller's buffer could not hold all. */
  #output: Uint8Array | undefined;
  #wake: () => void = () => {};

  constructor(compressed: FileReader, path: string, createStream: () => CountingTransform) {
    this.#compressed = compressed;
    this.#path = path;
    this.#createStream = createStream;
  }

  async read(target: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      const output = this.#output ?? (this.#stream?.read() as Uint8Array | null | undefined) ?? undefined;
      if (output !== undefined) {
        const count = Math.min(output.length, target.length - filled);
        target.set(output.subarray(0, count), filled);
        filled += count;
        this.#output = count === output.length ? undefined : output.subarray(count);
      } else if (!(await this.#advance())) {
        break;
      }
    }
    return filled;
  }

  /** One step towards more output; `false` at the end of everything. Called when the stream has no output. */
  async #advance(): Promise<boolean> {
    if (this.#error !== undefined) throw corrupt(this.#path, this.#error);
    if (this.#streamEnded) {
      this.#nextStream();
    } else if (!this.#wantsInput) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    } else if (this.#inputEnded) {
      return false;
    } else {
      const count = await this.#compressed.read(this.#input);
      if (count > 0) {
        this.#give(count);
      } else {
        this.#inputEnded = true;
        this.#wantsInput = this.#stream === undefined;
        this.#stream?.end();
      }
    }
    return true;
  }

  #nextStream(): void {
    const ended = this.#stream as CountingTransform;
    const rest = this.#given - ended.bytesWritten;
    ended.destroy();
    this.#stream = undefined;
    this.#streamEnded = false;
    this.#wantsInput = true;
    if (rest > 0) {
      this.#input.copyWithin(0, this.#inputEnd - rest, this.#inputEnd);
      this.#give(rest);
    }
  }

  #give(count: number): void {
    this.#stream ??= this.#openStream();
    const stream = this.#stream;
    this.#inputEnd = count;
    this.#given += count;
    this.#wantsInput = false;
    stream.write(this.#input.subarray(0, count), () => {
      // A stream that did not take everything has reached the end of a frame, and its `end` follows.
      if (stream === this.#stream && stream.bytesWritten === this.#given) this.#wantsInput = true;
      this.#wake();
    });
  }

  #openStream(): CountingTransform {
    const stream = this.#createStream();
    this.#given = 0;
    stream.on('readable', () => this.#wake());
    stream.on('end', () => {
      this.#streamEnded = true;
      this.#wake();
    });
    stream.on('error', (error) => {
      this.#error = error;
      this.#wake();
    });
    return stream;
  }

  async close(): Promise<void> {
    this.#stream?.destroy();
    await this.#compressed.close();
  }
}

class CompressingWriter implements FileWriter {
  readonly #target: FileWriter;
  readonly #path: string;
  readonly #stream: Transform;
  #closed = false;
  #error: Error | undefined;
  #wake: () => void = () => {};
  position = 0;

  constructor(target: FileWriter, path: string, stream: Transform) {
    this.#target = target;
    this.#path = path;
    this.#stream = stream;
    stream.on('readable', () => this.#wake());
    stream.on('end', () => this.#wake());
    stream.on('error', (error) => {
      this.#error = error;
      this.#wake();
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    let taken = false;
    this.#stream.write(bytes, () => {
      taken = true;
      this.#wake();
    });
    await this.#drainUntil(() => taken);
    this.position += bytes.length;
  }

  /** What the compressor still holds cannot be synced without cutting the data short: only whole files are durable. */
  async sync(): Promise<void> {
    await this.#target.sync();
  }

  async close(options: { readonly durable?: boolean } = {}): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#stream.end();
      await this.#drainUntil(() => this.#stream.readableEnded);
    } finally {
      this.#stream.destroy();
      await this.#target.close(options);
    }
  }

  /** Moves compressed bytes to the target until `done`. */
  async #drainUntil(done: () => boolean): Promise<void> {
    for (;;) {
      const output = this.#stream.read() as Uint8Array | null;
      if (this.#error !== undefined) throw corrupt(this.#path, this.#error);
      if (output !== null) await this.#target.write(output);
      else if (done()) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          if (done() || this.#stream.readableLength > 0) resolve();
        });
      }
    }
  }
}

function corrupt(path: string, cause: unknown): MillraceError {
  return new MillraceError(
    'CORRUPT_DATA',
    `The compressed data of '${path}' is damaged or cut short: ${toError(cause).message}.`,
    {
      cause,
      context: { path },
      recoverable: false,
    },
  );
}
