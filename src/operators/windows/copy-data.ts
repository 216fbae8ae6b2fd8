/**
 * A deep copy of data: what an accumulator or a record is made of (see the value codec). Functions of programs may change
 * the accumulators that they are handed; where one is needed again, they are handed a copy. Primitives, the common case,
 * are their own copies. Class instances keep their prototype and own properties; what they keep in private fields is lost.
 */
export function copyData<T>(value: T): T {
  return typeof value === 'object' && value !== null ? (copyObject(value) as T) : value;
}

function copyObject(value: object): object {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype) {
    const copy: Record<string, unknown> = { ...value };
    for (const key in copy) {
      const field = copy[key];
      if (typeof field === 'object' && field !== null) copy[key] = copyObject(field);
    }
    return copy;
  }
  if (Array.isArray(value)) return value.map(copyData);
  if (value instanceof Map) return new Map(Array.from(value, ([key, entry]) => [copyData(key), copyData(entry)]));
  if (value instanceof Set) return new Set(Array.from(value, copyData));
  if (value instanceof Date) return new Date(value);
  if (ArrayBuffer.isView(value)) return structuredClone(value);
  const copy = Object.create(prototype as object | null) as Record<string, unknown>;
  for (const [key, field] of Object.entries(value)) copy[key] = copyData(field as unknown);
  return copy;
}
