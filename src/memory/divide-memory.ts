/**
 * One option, `taskmanager.memory.process.size`, divided as Flink's task executor memory is, for what a Node process is made of:
 *
 *   process = overhead (the runtime itself, stacks, code) + network + managed + JavaScript heap
 *
 * Network and managed memory are fractions of what is left after the overhead; the heap gets the rest. Slots are threads, each
 * with a heap of its own: so all but the overhead is divided by their number.
 */
import { type ConfigOption, type Configuration, MillraceError } from '../common/index.ts';

const MIB = 1024 * 1024;
const SIZE = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i;
const UNIT_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  bytes: 1,
  k: 1024,
  kb: 1024,
  kib: 1024,
  m: MIB,
  mb: MIB,
  mib: MIB,
  g: 1024 * MIB,
  gb: 1024 * MIB,
  gib: 1024 * MIB,
  t: 1024 * 1024 * MIB,
  tb: 1024 * 1024 * MIB,
  tib: 1024 * 1024 * MIB,
};

/** A size as Flink writes it, `512 mb` (all units are powers of 1024), or a number of bytes; `undefined` if it is none. */
export function parseMemorySize(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  const match = typeof value === 'string' ? SIZE.exec(value.trim()) : null;
  const unit = UNIT_BYTES[match?.[2]?.toLowerCase() ?? '?'];
  return match && unit !== undefined ? Math.floor(Number(match[1]) * unit) : undefined;
}

function memorySize(key: string, defaultBytes: number, description: string): ConfigOption<number> {
  return { key, defaultValue: defaultBytes, description, parse: parseMemorySize, expects: "a size like '512 mb', or bytes" };
}

function fraction(key: string, defaultValue: number, description: string): ConfigOption<number> {
  const parse = (value: unknown): number | undefined => {
    const n = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    return typeof n === 'number' && n >= 0 && n < 1 ? n : undefined;
  };
  return { key, defaultValue, description, parse, expects: 'a number from 0 to below 1' };
}

/** Flink's keys and, where the thing is the same, Flink's defaults. */
export const MemoryOptions = {
  PROCESS_SIZE: memorySize(
    'taskmanager.memory.process.size',
    1728 * MIB,
    'All memory of the process. It is divided into heap, network and managed memory.',
  ),
  MANAGED_FRACTION: fraction(
    'taskmanager.memory.managed.fraction',
    0.4,
    'The part of the memory that holds state off the heap, on the hashlog backend.',
  ),
  MANAGED_SIZE: memorySize(
    'taskmanager.memory.managed.size',
    0,
    'Managed memory as a size instead of a fraction; 0: the fraction counts.',
  ),
  NETWORK_FRACTION: fraction('taskmanager.memory.network.fraction', 0.1, 'The part of the memory for buffers between tasks.'),
  JVM_OVERHEAD_FRACTION: fraction(
    'taskmanager.memory.jvm-overhead.fraction',
    0.1,
    'The part for the runtime itself: code, stacks, what the garbage collector needs. Between 96 and 256 MB.',
  ),
} as const;

/** How the memory of a process is divided. All in bytes. */
export interface MemoryDivision {
  readonly processBytes: number;
  readonly slots: number;
  readonly overheadBytes: number;
  /** Of all slots. */
  readonly networkBytes: number;
  readonly managedBytes: number;
  readonly heapBytes: number;
  readonly networkBytesPerSlot: number;
  readonly managedBytesPerSlot: number;
  readonly heapBytesPerSlot: number;
  /**
   * Of the heap: for `--max-semi-space-size` (`resourceLimits.maxYoungGenerationSizeMb` is three times as much), a power of two.
   * Left to itself, V8 lets the young generation grow to 96 MB beside its limit: 350 MB of memory instead of 208, at 256.
   */
  readonly semiSpaceBytesPerSlot: number;
  /**
   * For `--max-old-space-size` or `resourceLimits.maxOldGenerationSizeMb`: above the heap's own share, since V8 counts buffers off
   * the heap against its limit. At the heap's share alone, it collects garbage without end once managed memory is full: 273
   * full collections where there were 28, three times the processor time.
   */
  readonly heapLimitBytesPerSlot: number;
}

export interface MemoryFractions {
  readonly network?: number;
  readonly managed?: number;
  /** Instead of the fraction. */
  readonly managedBytes?: number;
  readonly overhead?: number;
}

/** Node takes about 40 MB before it does anything, and some 35 more with the engine's code loaded. */
const MIN_OVERHEAD_BYTES = 96 * MIB;
const MAX_OVERHEAD_BYTES = 256 * MIB;
/** What a slot needs to run at all. */
const MIN_HEAP_PER_SLOT = 32 * MIB;
const SEMI_SPACES_IN_HEAP = 16;
/** What V8 takes by itself on large machines is 32 MB. */
const MAX_SEMI_SPACE_BYTES = 16 * MIB;

/**
 * @throws MillraceError `INVALID_OPTION` if the fractions leave too little heap
 */
export function divideMemory(processBytes: number, slots: number, fractions: MemoryFractions = {}): MemoryDivision {
  const overheadBytes = clamp(
    Math.floor(processBytes * (fractions.overhead ?? MemoryOptions.JVM_OVERHEAD_FRACTION.defaultValue)),
    MIN_OVERHEAD_BYTES,
    MAX_OVERHEAD_BYTES,
  );
  const rest = Math.max(0, processBytes - overheadBytes);
  const perSlot = (bytes: number): number => Math.floor(bytes / slots);
  const networkBytesPerSlot = perSlot(rest * (fractions.network ?? MemoryOptions.NETWORK_FRACTION.defaultValue));
  const managedBytesPerSlot = perSlot(
    fractions.managedBytes || rest * (fractions.managed ?? MemoryOptions.MANAGED_FRACTION.defaultValue),
  );
  const heapBytesPerSlot = perSlot(rest) - networkBytesPerSlot - managedBytesPerSlot;
  if (heapBytesPerSlot < MIN_HEAP_PER_SLOT) {
    throw new MillraceError(
      'INVALID_OPTION',
      `${MemoryOptions.PROCESS_SIZE.key} of ${inMib(processBytes)} MB leaves ${inMib(heapBytesPerSlot)} MB of heap to each of ${slots} ${slots === 1 ? 'slot' : 'slots'}; ${inMib(MIN_HEAP_PER_SLOT)} are the least. Raise it, lower ${MemoryOptions.MANAGED_FRACTION.key} or ${MemoryOptions.NETWORK_FRACTION.key}, or take fewer slots.`,
      { context: { processBytes, slots } },
    );
  }
  const semiSpaceBytesPerSlot =
    2 ** Math.floor(Math.log2(clamp(heapBytesPerSlot / SEMI_SPACES_IN_HEAP, MIB, MAX_SEMI_SPACE_BYTES)));
  return {
    processBytes,
    slots,
    overheadBytes,
    networkBytes: networkBytesPerSlot * slots,
    managedBytes: managedBytesPerSlot * slots,
    heapBytes: heapBytesPerSlot * slots,
    networkBytesPerSlot,
    managedBytesPerSlot,
    heapBytesPerSlot,
    semiSpaceBytesPerSlot,
    heapLimitBytesPerSlot: perSlot(rest) - 3 * semiSpaceBytesPerSlot,
  };
}

/** As `divideMemory`, by the options of a configuration. @throws MillraceError `INVALID_OPTION` */
export function divideConfiguredMemory(configuration: Configuration, slots: number): MemoryDivision {
  return divideMemory(configuration.get(MemoryOptions.PROCESS_SIZE), slots, {
    network: configuration.get(MemoryOptions.NETWORK_FRACTION),
    managed: configuration.get(MemoryOptions.MANAGED_FRACTION),
    managedBytes: configuration.get(MemoryOptions.MANAGED_SIZE),
    overhead: configuration.get(MemoryOptions.JVM_OVERHEAD_FRACTION),
  });
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

function inMib(bytes: number): number {
  return Math.floor(bytes / MIB);
}
