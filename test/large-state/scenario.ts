/** What a large-state job does with its records: one operator whose state is large, and what must come out of it. */
import type { DataStream } from 'millrace';
import { addTo, type Digest, type Item, keyOf, NO_RESULTS, recordCount, type Workload } from './records.ts';

export interface Scenario {
  readonly visits: number;
  readonly payloadChars: number;
  /** How many payloads are in state for each key when there is most, at least. */
  readonly payloadsPerKey: number;
  /** `seen` is to be called when the operator processes a record. */
  build(items: DataStream<Item>, workload: Workload, seen: () => void): DataStream<number>;
  /** Knows nothing of the engine. Each result is given to `add`. */
  expect(history: History, add: (result: number) => void): void;
}

/** The numbers of the records of each key, ascending. */
export class History {
  readonly workload: Workload;
  private readonly indexes: Int32Array;

  constructor(workload: Workload) {
    this.workload = workload;
    this.indexes = new Int32Array(recordCount(workload));
    for (let i = 0; i < this.indexes.length; i++) {
      this.indexes[keyOf(i, workload) * workload.visits + Math.floor(i / workload.keys)] = i;
    }
  }

  of(key: number): Int32Array {
    const { visits } = this.workload;
    return this.indexes.subarray(key * visits, (key + 1) * visits);
  }

  forEachKey(visit: (key: number, indexes: Int32Array) => void): void {
    for (let key = 0; key < this.workload.keys; key++) visit(key, this.of(key));
  }
}

export function expectedDigest(scenario: Scenario, workload: Workload): Digest {
  let digest = NO_RESULTS;
  scenario.expect(new History(workload), (result) => {
    digest = addTo(digest, result);
  });
  return digest;
}
