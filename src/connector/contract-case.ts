/**
 * Contract suites as data: a suite is a list of facts that a test runner registers one by one, so that it needs none itself:
 * `for (const { fact, check } of sourceContract(…)) test(fact, check)`.
 */
import { formatValue, MillraceError } from '../common/index.ts';

export interface ContractCase {
  /** A present-tense sentence. */
  readonly fact: string;
  check(): Promise<void>;
}

/** Fails a contract case. */
export function expect(condition: unknown, message: string): asserts condition {
  if (!condition) throw new MillraceError('ILLEGAL_STATE', `Contract broken: ${message}`);
}

/** Fails unless both lists print alike. */
export function expectSame(actual: readonly unknown[], expected: readonly unknown[], what: string): void {
  for (let i = 0; i < Math.max(actual.length, expected.length); i++) {
    const a = i < actual.length ? formatValue(actual[i]) : 'nothing';
    const e = i < expected.length ? formatValue(expected[i]) : 'nothing';
    expect(a === e, `${what}: value ${i} is ${a}, expected ${e} (${actual.length} values, expected ${expected.length}).`);
  }
}
