/**
 * Codecs for plain data of a known shape, put together from parts: each part says at once how it is written and how it is
 * read and checked, so the two cannot drift apart. Nothing in the bytes describes itself; a change of shape is a new version
 * of the format.
 */
import type { BinaryReader, BinaryWriter } from '../serialization/index.ts';

export interface Codec<T> {
  write(writer: BinaryWriter, value: T): void;
  /** @throws MillraceError `CORRUPT_DATA` */
  read(reader: BinaryReader): T;
}

/** A whole number from 0 to 2^53−1. */
export const uint: Codec<number> = {
  write: (writer, value) => writer.writeVarUint(value),
  read: (reader) => reader.readVarUint(),
};

export const float64: Codec<number> = {
  write: (writer, value) => writer.writeFloat64(value),
  read: (reader) => reader.readFloat64(),
};

export const text: Codec<string> = {
  write: (writer, value) => writer.writeString(value),
  read: (reader) => reader.readString(),
};

export const bool: Codec<boolean> = {
  write: (writer, value) => writer.writeByte(value ? 1 : 0),
  read: (reader) => presence(reader),
};

/** Within a struct: `true`, or absent. */
export const flag: Codec<true | undefined> = {
  write: (writer, value) => writer.writeByte(value ? 1 : 0),
  read: (reader) => presence(reader) || undefined,
};

export const bytes: Codec<Uint8Array> = {
  write(writer, value) {
    writer.writeVarUint(value.length);
    writer.writeBytes(value);
  },
  read: (reader) => reader.readBytes(reader.readCount()).slice(),
};

/** Within a struct: a field that may be absent. */
export function optional<T>(codec: Codec<T>): Codec<T | undefined> {
  return {
    write(writer, value) {
      writer.writeByte(value === undefined ? 0 : 1);
      if (value !== undefined) codec.write(writer, value);
    },
    read: (reader) => (presence(reader) ? codec.read(reader) : undefined),
  };
}

/** Within a struct: a field that this version of the format does not have. */
export const absent: Codec<undefined> = { write: () => {}, read: () => undefined };

export function list<T>(codec: Codec<T>): Codec<readonly T[]> {
  return {
    write(writer, values) {
      writer.writeVarUint(values.length);
      for (const value of values) codec.write(writer, value);
    },
    read(reader) {
      const values: T[] = [];
      for (let left = reader.readCount(); left > 0; left--) values.push(codec.read(reader));
      return values;
    },
  };
}

export function oneOf<T extends string>(...values: readonly T[]): Codec<T> {
  return {
    write: (writer, value) => writer.writeByte(values.indexOf(value)),
    read(reader) {
      const value = values[reader.readByte()];
      if (value === undefined) throw reader.corrupt(`none of ${values.join(', ')} has this number`);
      return value;
    },
  };
}

export function struct<T extends object>(fields: { readonly [K in keyof T]-?: Codec<T[K]> }): Codec<T> {
  const entries = Object.entries(fields) as [keyof T, Codec<T[keyof T]>][];
  return {
    write(writer, value) {
      for (const [name, codec] of entries) codec.write(writer, value[name]);
    },
    read(reader) {
      const value = {} as T;
      for (const [name, codec] of entries) {
        const field = codec.read(reader);
        if (field !== undefined) value[name] = field;
      }
      return value;
    },
  };
}

type VariantOf<T, K extends string, V> = T extends { readonly [P in K]: infer U } ? (V extends U ? Omit<T, K> : never) : never;

/** Variants told apart by the text in `tag`; each codec is for its variant without the tag. */
export function union<K extends string, T extends { readonly [P in K]: string }>(
  tag: K,
  variants: { readonly [V in T[K]]: Codec<VariantOf<T, K, V>> },
): Codec<T> {
  const tags = oneOf<T[K]>(...(Object.keys(variants) as T[K][]));
  return {
    write(writer, value) {
      tags.write(writer, value[tag]);
      (variants[value[tag] as T[K]] as Codec<unknown>).write(writer, value);
    },
    read(reader) {
      const variant = tags.read(reader);
      return { [tag]: variant, ...(variants[variant].read(reader) as object) } as unknown as T;
    },
  };
}

function presence(reader: BinaryReader): boolean {
  const byte = reader.readByte();
  if (byte > 1) throw reader.corrupt('a yes or no is neither');
  return byte === 1;
}
