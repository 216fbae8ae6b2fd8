/** Generated code that makes an object with these fields from expressions: a literal, so that all have one hidden class. */
export function objectLiteral(names: readonly string[], expression: (i: number) => string): string {
  return `({${names.map((name, i) => `${propertyName(name)}:${expression(i)}`).join(',')}})`;
}

/** In a literal, `"__proto__":` would set the prototype; in brackets it is a field like any other. */
const propertyName = (name: string): string => (name === '__proto__' ? '["__proto__"]' : JSON.stringify(name));

let makers = 0;

/** A function that makes an object with these fields from an array of their values. */
export function objectMaker(names: readonly string[]): (values: readonly unknown[]) => unknown {
  try {
    return new Function(
      'v',
      `return ${objectLiteral(names, (i) => `v[${i}]`)};\n//# sourceURL=millrace://object/${++makers}`,
    ) as (values: readonly unknown[]) => unknown;
  } catch {
    // Code generation is forbidden here (a content security policy).
    return (values) => Object.fromEntries(names.map((name, i) => [name, values[i]]));
  }
}
