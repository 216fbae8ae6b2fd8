/**
 * Requests of transactional producers, and about transactions.
 */
import { type KafkaErrorName, kafkaErrorOf } from '../kafka-errors.ts';
import type {
  AddPartitionsToTxnRequest,
  EndTxnRequest,
  InitProducerIdRequest,
  ProducerIdentity,
  TopicPartition,
  TransactionDescription,
  TransactionListing,
  TransactionState,
} from '../requests.ts';
import {
  byTopic,
  type KafkaApi,
  readInts,
  readLong,
  readStructs,
  writeInts,
  writeLong,
  writeStrings,
  writeStructs,
} from './kafka-api.ts';

interface WithError {
  readonly error: KafkaErrorName | undefined;
}

export const initProducerIdApi: KafkaApi<InitProducerIdRequest, ProducerIdentity & WithError> = {
  key: 22,
  name: 'InitProducerId',
  minVersion: 4,
  maxVersion: 5,
  write(writer, { transactionalId, transactionTimeoutMs, current }) {
    writer.appendString(transactionalId ?? null).appendInt32(transactionTimeoutMs ?? 60_000);
    writeLong(writer, current?.producerId ?? -1)
      .appendInt16(current?.producerEpoch ?? -1)
      .appendTaggedFields();
  },
  read(reader) {
    reader.readInt32(); // throttle time
    return { error: kafkaErrorOf(reader.readInt16()), producerId: readLong(reader), producerEpoch: reader.readInt16() };
  },
};

/** Version 3 is the newest for clients; later ones are for brokers among themselves. */
export const addPartitionsToTxnApi: KafkaApi<AddPartitionsToTxnRequest, readonly (TopicPartition & WithError)[]> = {
  key: 24,
  name: 'AddPartitionsToTxn',
  minVersion: 3,
  maxVersion: 3,
  write(writer, { transactionalId, producerId, producerEpoch, partitions }) {
    writeLong(writer.appendString(transactionalId), producerId).appendInt16(producerEpoch);
    writeStructs(writer, byTopic(partitions), (w, [topic, list]) => {
      writeInts(
        w.appendString(topic),
        list.map((p) => p.partition),
      );
    });
    writer.appendTaggedFields();
  },
  read(reader) {
    reader.readInt32(); // throttle time
    return readStructs(reader, () => {
      const topic = reader.readString();
      return readStructs(reader, () => ({ topic, partition: reader.readInt32(), error: kafkaErrorOf(reader.readInt16()) }));
    }).flat();
  },
};

/** The first version that ends a transaction by raising the epoch: only for transactions of `transaction.version` 2. */
export const END_TXN_RAISES_EPOCH = 5;

export const endTxnApi: KafkaApi<EndTxnRequest, ProducerIdentity & WithError> = {
  key: 26,
  name: 'EndTxn',
  minVersion: 3,
  maxVersion: END_TXN_RAISES_EPOCH,
  write(writer, { transactionalId, producerId, producerEpoch, committed }) {
    writeLong(writer.appendString(transactionalId), producerId)
      .appendInt16(producerEpoch)
      .appendBoolean(committed)
      .appendTaggedFields();
  },
  read(reader, version) {
    reader.readInt32(); // throttle time
    const error = kafkaErrorOf(reader.readInt16());
    if (version < END_TXN_RAISES_EPOCH) return { error, producerId: -1, producerEpoch: -1 };
    return { error, producerId: readLong(reader), producerEpoch: reader.readInt16() };
  },
};

export const describeTransactionsApi: KafkaApi<readonly string[], readonly (TransactionDescription & WithError)[]> = {
  key: 65,
  name: 'DescribeTransactions',
  minVersion: 0,
  maxVersion: 0,
  write(writer, transactionalIds) {
    writeStrings(writer, transactionalIds).appendTaggedFields();
  },
  read(reader) {
    reader.readInt32(); // throttle time
    return readStructs(reader, (r) => {
      const error = kafkaErrorOf(r.readInt16());
      const transactionalId = r.readString();
      const state = r.readString() as TransactionState;
      const timeoutMs = r.readInt32();
      const startTimeMs = readLong(r);
      const producerId = readLong(r);
      const producerEpoch = r.readInt16();
      const partitions = readStructs(r, () => {
        const topic = r.readString();
        return readInts(r).map((partition) => ({ topic, partition }));
      }).flat();
      return { error, transactionalId, state, timeoutMs, startTimeMs, producerId, producerEpoch, partitions };
    });
  },
};

export const listTransactionsApi: KafkaApi<
  readonly TransactionState[],
  WithError & { readonly transactions: TransactionListing[] }
> = {
  key: 66,
  name: 'ListTransactions',
  minVersion: 0,
  maxVersion: 0,
  write(writer, states) {
    writeStrings(writer, states);
    writer.appendUnsignedVarInt(1).appendTaggedFields(); // any producer id
  },
  read(reader) {
    reader.readInt32(); // throttle time
    const error = kafkaErrorOf(reader.readInt16());
    reader.readArray((r) => r.readString(), true, false); // states that the broker does not know
    const transactions = readStructs(reader, (r) => ({
      transactionalId: r.readString(),
      producerId: readLong(r),
      state: r.readString() as TransactionState,
    }));
    return { error, transactions };
  },
};
