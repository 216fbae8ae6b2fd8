/**
 * From the errors in answers to errors that are thrown.
 */
import { type KafkaErrorName, kafkaError } from './kafka-errors.ts';
import type { ProducerIdentity, TopicPartition } from './requests.ts';

/** @throws MillraceError if the answer is an error. */
export function identityOf(
  what: string,
  answer: ProducerIdentity & { readonly error: KafkaErrorName | undefined },
): ProducerIdentity {
  const { error, producerId, producerEpoch } = answer;
  if (error !== undefined) throw kafkaError(what, error);
  return { producerId, producerEpoch };
}

interface Fate extends Partial<TopicPartition> {
  readonly error: KafkaErrorName | undefined;
}

/** Throws the first error that says something: partitions that were not tried because of another say nothing. */
export function throwFirst(what: string, answers: readonly Fate[]): void {
  const failed = answers.filter(({ error }) => error !== undefined);
  const worst = failed.find(({ error }) => error !== 'OPERATION_NOT_ATTEMPTED') ?? failed[0];
  if (worst?.error === undefined) return;
  const { topic, partition, error } = worst;
  const where = topic === undefined ? '' : ` ("${topic}", partition ${partition})`;
  throw kafkaError(`${what}${where}`, error, undefined, topic === undefined ? undefined : { topic, partition });
}
