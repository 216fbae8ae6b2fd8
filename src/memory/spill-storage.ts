/**
 * Where state goes that does not fit in memory: files of one thread, written once from front to back, read at any position,
 * and gone with the process that wrote them. They make nothing durable: that is what checkpoints are for.
 *
 * All calls are synchronous: they come from the path of a record, which is synchronous. Each moves a bounded number of bytes.
 */

export interface SpillStorage {
  /**
   * Makes an empty file. Names are for people; the storage tells files of one name apart.
   * @throws MillraceError `FILE_SYSTEM_FAILED`
   */
  create(name: string): SpillFile;
  /** Deletes all files. */
  dispose(): void;
}

export interface SpillFile {
  /** Bytes written so far. */
  readonly length: number;
  /** Writes all of `bytes` at the end. @throws MillraceError `FILE_SYSTEM_FAILED`; the file is of no use then */
  append(bytes: Uint8Array): void;
  /**
   * Fills all of `into` with the bytes from `position` on, which must have been written.
   * @throws MillraceError `FILE_SYSTEM_FAILED`
   */
  read(position: number, into: Uint8Array): void;
  /** Deletes the file; a second time does nothing. */
  delete(): void;
}
