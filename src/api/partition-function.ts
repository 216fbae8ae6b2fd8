import { MillraceError } from '../common/index.ts';
import { type KeySelector, methodOf, type Partitioner, type PartitionFunction } from '../operators/index.ts';

/** A user's partitioner as a function of the record, which checks what it returns. */
export function partitionFunction<T, K>(partitioner: Partitioner<K>, keySelector: KeySelector<T, K>): PartitionFunction {
  const partition = methodOf<(key: K, numPartitions: number) => number>(partitioner, 'partition');
  return (value: T, numPartitions) => {
    const chosen = partition(keySelector(value), numPartitions);
    if (Number.isInteger(chosen) && chosen >= 0 && chosen < numPartitions) return chosen;
    throw new MillraceError(
      'INVALID_PROGRAM',
      `A custom partitioner chose subtask ${chosen} of ${numPartitions}. It must return a whole number from 0 to ${numPartitions - 1}.`,
    );
  };
}
