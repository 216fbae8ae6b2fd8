/**
 * What an incremental checkpoint of the `hashlog` backend says about its files.
 *
 * The files are segments of the log, as they are, and one with the entries of all indexes: 12 bytes each (tag, location, units),
 * table by table, those of values before those of parts. Read in portions, each with a checksum.
 */
import { MillraceError } from '../../common/index.ts';
import { BinaryReader, BinaryWriter, decodeValue, encodeValue } from '../../serialization/index.ts';

export const BACKEND_NAME = 'hashlog';
export const INDEX_FILE = 'index';
export const ENTRY_BYTES = 12;
const VERSION = 1;

export interface ManifestSegment {
  readonly slot: number;
  readonly used: number;
  /** Which of `origins` its records' table numbers mean; −1: those of `tables`. */
  readonly origin: number;
}

export interface ManifestTable {
  /** Index in the handle's states. */
  readonly state: number;
  readonly namespace: string;
  /** Its number in records, and that of its parts; 0 without any. */
  readonly table: number;
  readonly partsTable: number;
  readonly values: number;
  readonly parts: number;
}

export interface Portion {
  readonly length: number;
  readonly crc32: number;
}

export interface Manifest {
  readonly segments: readonly ManifestSegment[];
  readonly tables: readonly ManifestTable[];
  /** Each a list of pairs: a number in records, and the number in `tables` that it means. */
  readonly origins: readonly (readonly number[])[];
  /** Of the index file. */
  readonly portions: readonly Portion[];
}

export function segmentFile(slot: number): string {
  return `segment-${slot}`;
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  const writer = new BinaryWriter();
  encodeValue(writer, { version: VERSION, ...manifest });
  return writer.toBytes();
}

/** @throws MillraceError `CORRUPT_DATA` */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const manifest = decodeValue(new BinaryReader(bytes));
  if (manifest?.version !== VERSION) {
    throw new MillraceError(
      'CORRUPT_DATA',
      `An incremental checkpoint is of version ${manifest?.version}, but this program reads version ${VERSION}. Restore from a savepoint instead.`,
      { recoverable: false },
    );
  }
  return manifest as Manifest;
}
