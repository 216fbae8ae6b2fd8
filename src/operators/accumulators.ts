/**
 * Accumulators: values that subtasks add to, merged into the job's result (Flink's `JobExecutionResult`).
 */
export interface Accumulator<V, R> {
  add(value: V): void;
  getLocalValue(): R;
  resetLocal(): void;
  merge(other: Accumulator<V, R>): void;
  /** One of the same kind with the same content, which changes independently: results are merged in a clone. */
  clone(): Accumulator<V, R>;
}

abstract class NumberAccumulator implements Accumulator<number, number> {
  protected value: number;
  private readonly initial: number;

  constructor(initial: number) {
    this.initial = initial;
    this.value = initial;
  }

  abstract add(value: number): void;
  abstract clone(): Accumulator<number, number>;

  getLocalValue(): number {
    return this.value;
  }

  resetLocal(): void {
    this.value = this.initial;
  }

  merge(other: Accumulator<number, number>): void {
    this.add(other.getLocalValue());
  }
}

export class IntCounter extends NumberAccumulator {
  constructor(initial = 0) {
    super(initial);
  }

  add(value = 1): void {
    this.value += value;
  }

  clone(): IntCounter {
    const clone = new IntCounter();
    clone.merge(this);
    return clone;
  }
}

export class DoubleMinimum extends NumberAccumulator {
  constructor() {
    super(Number.POSITIVE_INFINITY);
  }

  add(value: number): void {
    if (value < this.value) this.value = value;
  }

  clone(): DoubleMinimum {
    const clone = new DoubleMinimum();
    clone.merge(this);
    return clone;
  }
}

export class DoubleMaximum extends NumberAccumulator {
  constructor() {
    super(Number.NEGATIVE_INFINITY);
  }

  add(value: number): void {
    if (value > this.value) this.value = value;
  }

  clone(): DoubleMaximum {
    const clone = new DoubleMaximum();
    clone.merge(this);
    return clone;
  }
}

export class AverageAccumulator implements Accumulator<number, number> {
  private sum = 0;
  private count = 0;

  add(value: number): void {
    this.sum += value;
    this.count++;
  }

  /** The mean; 0 if nothing was added. */
  getLocalValue(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  resetLocal(): void {
    this.sum = 0;
    this.count = 0;
  }

  merge(other: AverageAccumulator): void {
    this.sum += other.sum;
    this.count += other.count;
  }

  clone(): AverageAccumulator {
    const clone = new AverageAccumulator();
    clone.merge(this);
    return clone;
  }
}

export class ListAccumulator<T> implements Accumulator<T, T[]> {
  private values: T[] = [];

  add(value: T): void {
    this.values.push(value);
  }

  getLocalValue(): T[] {
    return this.values;
  }

  resetLocal(): void {
    this.values = [];
  }

  merge(other: Accumulator<T, T[]>): void {
    for (const value of other.getLocalValue()) this.values.push(value);
  }

  clone(): ListAccumulator<T> {
    const clone = new ListAccumulator<T>();
    clone.merge(this);
    return clone;
  }
}

/** Counts how often each value was added. */
export class Histogram implements Accumulator<number, Map<number, number>> {
  private counts = new Map<number, number>();

  add(value: number): void {
    this.counts.set(value, (this.counts.get(value) ?? 0) + 1);
  }

  getLocalValue(): Map<number, number> {
    return this.counts;
  }

  resetLocal(): void {
    this.counts = new Map();
  }

  merge(other: Accumulator<number, Map<number, number>>): void {
    for (const [value, n] of other.getLocalValue()) this.counts.set(value, (this.counts.get(value) ?? 0) + n);
  }

  clone(): Histogram {
    const clone = new Histogram();
    clone.merge(this);
    return clone;
  }
}
