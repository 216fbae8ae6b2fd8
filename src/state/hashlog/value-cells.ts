/**
 * Values of one state by key, with a write-back cache of decoded ones in front of the log: the store of single values, and of
 * maps as far as they are small.
 *
 * The cache has one place for each key that it could hold, by hash; who comes takes it, and who was there is written if it has
 * changed. So a key that is hot is neither encoded nor decoded, whatever else comes. An object that was handed out may have
 * been changed in place, as on the heap backend, so it is compared with its record when it leaves, and written if it differs.
 */
import { BinaryReader, BinaryWriter, encodeValue } from '../../serialization/index.ts';
import type { CanonicalKey } from '../key-encoding.ts';
import { inState } from '../state-checks.ts';
import type { ContentCodec } from './content-codec.ts';
import type { CurrentKey } from './current-key.ts';
import { HEADER_BYTES, UNIT_BYTES } from './segment.ts';
import { StateAccess } from './state-access.ts';
import type { StateStore, StateTable } from './state-store.ts';

const CELLS = 2048;
/** Of all values in a cache, by their size in the log as far as it is known. */
const MAX_CACHED_BYTES = 16 * 1024 * 1024;
/** Larger contents are split if they can be. */
const SPLIT_ABOVE_BYTES = 4096;

/** Whether a cell has to be written. */
const CLEAN = 0;
const HANDED_OUT = 1;
const CHANGED = 2;

class Cell {
  table: StateTable | undefined = undefined;
  key: CanonicalKey | undefined = undefined;
  tag = 0;
  content: unknown = undefined;
  loaded = false;
  state = CLEAN;
  /** Where the record was when it was read or written last, and in which segment. */
  location = 0;
  segmentId = 0;
  keyLength = 0;
  bytes = 0;
  /** `Compactor.moves` when it was known that the record is there. */
  moves = 0;
}

/** A value whose bytes are at hand, since all keys are gone over. */
interface Offer {
  readonly table: StateTable;
  readonly key: CanonicalKey;
  readonly location: number;
  /** At the value, behind the key. */
  readonly reader: BinaryReader;
}

export interface ValueCellsOptions {
  readonly codec: ContentCodec;
  /** What is stored instead of a content that is large, after its parts were put elsewhere. */
  readonly split?: (table: StateTable, key: CanonicalKey, tag: number, content: unknown) => unknown;
  /** Whether an object that was read is written back. */
  readonly keepsChangesInPlace: boolean;
}

export class ValueCells extends StateAccess {
  private readonly options: ValueCellsOptions;
  private readonly cells: (Cell | undefined)[] = new Array(CELLS).fill(undefined);
  private last = new Cell();
  private readonly writer = new BinaryWriter();
  private readonly reader = new BinaryReader(new Uint8Array(0));
  private offered: Offer | undefined = undefined;
  private cachedBytes = 0;
  /** Of what `encode` returned last. */
  private keyLength = 0;

  constructor(store: StateStore, options: ValueCellsOptions) {
    super(store);
    this.options = options;
    store.settle = () => this.flushAll();
  }

  read(): unknown {
    const { table } = this;
    if (table === undefined) return undefined;
    const cell = this.cellIn(table);
    if (!cell.loaded) this.load(cell, table);
    const { content } = cell;
    if (typeof content === 'object' && content !== null && cell.state === CLEAN && this.options.keepsChangesInPlace) {
      cell.state = HANDED_OUT;
    }
    return content;
  }

  /** The content without a place in the cache: decoded for the caller, or what `copy` makes of one that is in the cache. */
  readOwn(copy: (content: unknown) => unknown): unknown {
    const { table } = this;
    if (table === undefined) return undefined;
    const cell = this.knownCell(table);
    if (cell !== undefined) return cell.content === undefined ? undefined : copy(cell.content);
    const offer = this.takeOffer(table);
    if (offer !== undefined) return this.options.codec.decode(offer.reader);
    const { current, reader } = this;
    const keyLength = this.encodeKey(current.canonical as CanonicalKey);
    if (!this.locate(table, current.tag, keyLength)) return undefined;
    return this.options.codec.decode(reader);
  }

  /** The content that was read has been changed in place. */
  markChanged(): void {
    this.cellIn(this.makeTable()).state = CHANGED;
  }

  /** A part of the content that was read may be changed in place. */
  markHandedOut(): void {
    const cell = this.cellIn(this.makeTable());
    if (cell.state === CLEAN) cell.state = HANDED_OUT;
  }

  /** Where the content of the current key is. */
  get place(): StateTable {
    return this.makeTable();
  }

  get key(): CurrentKey {
    return this.current;
  }

  /** `undefined` removes the value. */
  write(content: unknown): void {
    const table = content === undefined ? this.table : this.makeTable();
    if (table === undefined) return;
    const cell = this.cellIn(table);
    cell.content = content;
    cell.loaded = true;
    cell.state = CHANGED;
  }

  protected override isPresent(table: StateTable): boolean {
    const cell = this.knownCell(table);
    if (cell !== undefined) return cell.content !== undefined;
    const { offered, current } = this;
    if (offered?.table === table && offered.key === current.canonical) return true;
    const keyLength = this.encodeKey(current.canonical as CanonicalKey);
    return table.values.find(current.tag, this.writer.rawBytes, keyLength);
  }

  protected override offer(table: StateTable, location: number, reader: BinaryReader | undefined): void {
    this.offered = reader && { table, key: this.current.canonical as CanonicalKey, location, reader };
  }

  /** What is offered of the current key, if it is still so; once. Its size is that of the index. */
  private takeOffer(table: StateTable): Offer | undefined {
    const { offered, current } = this;
    if (offered?.table !== table || offered.key !== current.canonical) return undefined;
    this.offered = undefined;
    return table.values.holds(current.tag, offered.location) ? offered : undefined;
  }

  /** The cell of the current key, if it has one and its content is known. */
  private knownCell(table: StateTable): Cell | undefined {
    const key = this.current.canonical as CanonicalKey;
    const cell = this.cells[this.placeOf(table)];
    return cell !== undefined && cell.key === key && cell.table === table && cell.loaded ? cell : undefined;
  }

  private placeOf({ values }: StateTable): number {
    const { tag } = this.current;
    return (tag ^ (tag >>> 16) ^ Math.imul(values.table, 0x9e3779b1)) & (CELLS - 1);
  }

  private cellIn(table: StateTable): Cell {
    const { last } = this;
    const key = this.current.canonical as CanonicalKey;
    if (last.key === key && last.table === table) return last;
    const { tag } = this.current;
    const place = this.placeOf(table);
    let cell = this.cells[place];
    if (cell === undefined) this.cells[place] = cell = new Cell();
    if (cell.key !== key || cell.table !== table) {
      if (this.cachedBytes > MAX_CACHED_BYTES) this.evictAll();
      else if (cell.state !== CLEAN) this.flush(cell);
      this.cachedBytes -= cell.bytes;
      cell.table = table;
      cell.key = key;
      cell.tag = tag;
      cell.content = undefined;
      cell.loaded = false;
      cell.location = 0;
      cell.bytes = 0;
    }
    this.last = cell;
    return cell;
  }

  private load(cell: Cell, table: StateTable): void {
    const { options } = this;
    cell.loaded = true;
    const offer = this.takeOffer(table);
    if (offer !== undefined) {
      const keyLength = offer.reader.position;
      cell.content = options.codec.decode(offer.reader);
      this.remember(cell, offer.location, table.values.units, keyLength);
      return;
    }
    const keyLength = this.encodeKey(cell.key as CanonicalKey);
    if (!this.locate(table, cell.tag, keyLength)) return;
    cell.content = options.codec.decode(this.reader);
    this.remember(cell, table.values.location, table.values.units, keyLength);
  }

  /** Sets the reader to the value of the key that `writer` holds. */
  private locate({ values }: StateTable, tag: number, keyLength: number): boolean {
    // What `find` compared is located.
    if (!values.find(tag, this.writer.rawBytes, keyLength)) return false;
    const { log } = this.store.context;
    this.reader.reset(log.bytes, log.start + HEADER_BYTES + keyLength, log.start + values.units * UNIT_BYTES);
    return true;
  }

  /** The length of the key. */
  private encodeKey(key: CanonicalKey): number {
    this.writer.truncate(0);
    encodeValue(this.writer, key);
    return this.writer.position;
  }

  private remember(cell: Cell, location: number, units: number, keyLength: number): void {
    cell.keyLength = keyLength;
    cell.location = location;
    cell.segmentId = this.store.context.log.segmentIdOf(location);
    this.cachedBytes += units * UNIT_BYTES - cell.bytes;
    cell.bytes = units * UNIT_BYTES;
    cell.moves = this.store.context.compactor.moves;
  }

  private flushAll(): void {
    for (const cell of this.cells) if (cell !== undefined && cell.state !== CLEAN) this.flush(cell);
  }

  private evictAll(): void {
    this.flushAll();
    this.cells.fill(undefined);
    this.last = new Cell();
    this.cachedBytes = 0;
  }

  private flush(cell: Cell): void {
    const table = cell.table as StateTable;
    if (cell.key === this.offered?.key) this.offered = undefined;
    if (table.dropped) {
      cell.state = CLEAN;
      return;
    }
    if (this.overwrite(cell, table)) return;
    const { values } = table;
    let body = this.encode(cell);
    if (body.length > SPLIT_ABOVE_BYTES && this.options.split !== undefined) {
      cell.content = this.options.split(table, cell.key as CanonicalKey, cell.tag, cell.content);
      body = this.encode(cell);
    }
    const known = this.knownLocation(cell);
    if (cell.content === undefined) {
      values.remove(cell.tag, body, this.keyLength, known);
      cell.location = 0;
    } else if (cell.state === CHANGED || !this.isStored(cell, body, known)) {
      values.put(cell.tag, body, this.keyLength, 1, known);
      this.remember(cell, values.location, values.units, this.keyLength);
    }
    cell.state = CLEAN;
    this.store.context.compactor.step();
  }

  /** The way of a value that stays where it is: without its key. */
  private overwrite(cell: Cell, { values }: StateTable): boolean {
    const { log, compactor } = this.store.context;
    const location = this.knownLocation(cell);
    if (location === 0 || cell.content === undefined || !log.canOverwrite(location)) return false;
    const { writer } = this;
    writer.truncate(0);
    this.encodeContent(cell.content);
    if (HEADER_BYTES + cell.keyLength + writer.position > cell.bytes) return false;
    if (cell.moves !== compactor.moves) {
      if (!values.holds(cell.tag, location)) return false;
      cell.moves = compactor.moves;
    }
    log.overwrite(location, cell.keyLength, writer.rawBytes, 0, writer.position);
    cell.state = CLEAN;
    return true;
  }

  /** Where the record of a cell was, if its segment is still the same; 0 if not. */
  private knownLocation({ location, segmentId }: Cell): number {
    return location !== 0 && this.store.context.log.segmentIdOf(location) === segmentId ? location : 0;
  }

  /** The key and the content, if there is one. @throws MillraceError `NOT_SERIALIZABLE` */
  private encode(cell: Cell): Uint8Array {
    const { writer } = this;
    writer.truncate(0);
    encodeValue(writer, cell.key);
    this.keyLength = writer.position;
    if (cell.content !== undefined) this.encodeContent(cell.content);
    return writer.toBytes();
  }

  private encodeContent(content: unknown): void {
    try {
      this.options.codec.encode(this.writer, content);
    } catch (error) {
      throw inState(this.store.meta.name, error);
    }
  }

  private isStored(cell: Cell, body: Uint8Array, known: number): boolean {
    const { values } = cell.table as StateTable;
    const { log } = this.store.context;
    if (!values.find(cell.tag, body, this.keyLength, known)) return false;
    // Bodies tell their own end, so what begins alike is the same.
    return (
      body.length <= values.units * UNIT_BYTES - HEADER_BYTES && log.hasKey(values.location, values.units, body, body.length)
    );
  }
}
