/**
 * Kafka's error codes: their names, what can be done about them, and how they become `MillraceError`s.
 *
 * A retriable error is one that the same request can survive later (a leader moves, a coordinator loads); some of them also
 * say that what is known about the cluster is stale. All others are fatal for the request, and their messages say what to do.
 */
import { type ErrorContext, MillraceError } from '../../../common/index.ts';

/** In the order of their codes, from 1 on. */
const NAMES = [
  'OFFSET_OUT_OF_RANGE',
  'CORRUPT_MESSAGE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'INVALID_FETCH_SIZE',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'REQUEST_TIMED_OUT',
  'BROKER_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'MESSAGE_TOO_LARGE',
  'STALE_CONTROLLER_EPOCH',
  'OFFSET_METADATA_TOO_LARGE',
  'NETWORK_EXCEPTION',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'INVALID_TOPIC_EXCEPTION',
  'RECORD_LIST_TOO_LARGE',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'INVALID_REQUIRED_ACKS',
  'ILLEGAL_GENERATION',
  'INCONSISTENT_GROUP_PROTOCOL',
  'INVALID_GROUP_ID',
  'UNKNOWN_MEMBER_ID',
  'INVALID_SESSION_TIMEOUT',
  'REBALANCE_IN_PROGRESS',
  'INVALID_COMMIT_OFFSET_SIZE',
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'INVALID_TIMESTAMP',
  'UNSUPPORTED_SASL_MECHANISM',
  'ILLEGAL_SASL_STATE',
  'UNSUPPORTED_VERSION',
  'TOPIC_ALREADY_EXISTS',
  'INVALID_PARTITIONS',
  'INVALID_REPLICATION_FACTOR',
  'INVALID_REPLICA_ASSIGNMENT',
  'INVALID_CONFIG',
  'NOT_CONTROLLER',
  'INVALID_REQUEST',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'POLICY_VIOLATION',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_TXN_STATE',
  'INVALID_PRODUCER_ID_MAPPING',
  'INVALID_TRANSACTION_TIMEOUT',
  'CONCURRENT_TRANSACTIONS',
  'TRANSACTION_COORDINATOR_FENCED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'SECURITY_DISABLED',
  'OPERATION_NOT_ATTEMPTED',
  'KAFKA_STORAGE_ERROR',
  'LOG_DIR_NOT_FOUND',
  'SASL_AUTHENTICATION_FAILED',
  'UNKNOWN_PRODUCER_ID',
  'REASSIGNMENT_IN_PROGRESS',
  'DELEGATION_TOKEN_AUTH_DISABLED',
  'DELEGATION_TOKEN_NOT_FOUND',
  'DELEGATION_TOKEN_OWNER_MISMATCH',
  'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED',
  'DELEGATION_TOKEN_AUTHORIZATION_FAILED',
  'DELEGATION_TOKEN_EXPIRED',
  'INVALID_PRINCIPAL_TYPE',
  'NON_EMPTY_GROUP',
  'GROUP_ID_NOT_FOUND',
  'FETCH_SESSION_ID_NOT_FOUND',
  'INVALID_FETCH_SESSION_EPOCH',
  'LISTENER_NOT_FOUND',
  'TOPIC_DELETION_DISABLED',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'UNSUPPORTED_COMPRESSION_TYPE',
  'STALE_BROKER_EPOCH',
  'OFFSET_NOT_AVAILABLE',
  'MEMBER_ID_REQUIRED',
  'PREFERRED_LEADER_NOT_AVAILABLE',
  'GROUP_MAX_SIZE_REACHED',
  'FENCED_INSTANCE_ID',
  'ELIGIBLE_LEADERS_NOT_AVAILABLE',
  'ELECTION_NOT_NEEDED',
  'NO_REASSIGNMENT_IN_PROGRESS',
  'GROUP_SUBSCRIBED_TO_TOPIC',
  'INVALID_RECORD',
  'UNSTABLE_OFFSET_COMMIT',
  'THROTTLING_QUOTA_EXCEEDED',
  'PRODUCER_FENCED',
  'RESOURCE_NOT_FOUND',
  'DUPLICATE_RESOURCE',
  'UNACCEPTABLE_CREDENTIAL',
  'INCONSISTENT_VOTER_SET',
  'INVALID_UPDATE_VERSION',
  'FEATURE_UPDATE_FAILED',
  'PRINCIPAL_DESERIALIZATION_FAILURE',
  'SNAPSHOT_NOT_FOUND',
  'POSITION_OUT_OF_RANGE',
  'UNKNOWN_TOPIC_ID',
  'DUPLICATE_BROKER_REGISTRATION',
  'BROKER_ID_NOT_REGISTERED',
  'INCONSISTENT_TOPIC_ID',
  'INCONSISTENT_CLUSTER_ID',
  'TRANSACTIONAL_ID_NOT_FOUND',
  'FETCH_SESSION_TOPIC_ID_ERROR',
  'INELIGIBLE_REPLICA',
  'NEW_LEADER_ELECTED',
  'OFFSET_MOVED_TO_TIERED_STORAGE',
  'FENCED_MEMBER_EPOCH',
  'UNRELEASED_INSTANCE_ID',
  'UNSUPPORTED_ASSIGNOR',
  'STALE_MEMBER_EPOCH',
  'MISMATCHED_ENDPOINT_TYPE',
  'UNSUPPORTED_ENDPOINT_TYPE',
  'UNKNOWN_CONTROLLER_ID',
  'UNKNOWN_SUBSCRIPTION_ID',
  'TELEMETRY_TOO_LARGE',
  'INVALID_REGISTRATION',
  'TRANSACTION_ABORTABLE',
  'INVALID_RECORD_STATE',
  'SHARE_SESSION_NOT_FOUND',
  'INVALID_SHARE_SESSION_EPOCH',
  'FENCED_STATE_EPOCH',
  'INVALID_VOTER_KEY',
  'DUPLICATE_VOTER',
  'VOTER_NOT_FOUND',
  'INVALID_REGULAR_EXPRESSION',
  'REBOOTSTRAP_REQUIRED',
] as const;

/** `UNKNOWN_SERVER_ERROR` stands for codes that are newer than this table, too. */
export type KafkaErrorName = (typeof NAMES)[number] | 'UNKNOWN_SERVER_ERROR';

const RETRIABLE: ReadonlySet<KafkaErrorName> = new Set<KafkaErrorName>([
  'CORRUPT_MESSAGE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'REQUEST_TIMED_OUT',
  'BROKER_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'NETWORK_EXCEPTION',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'NOT_CONTROLLER',
  'CONCURRENT_TRANSACTIONS',
  'KAFKA_STORAGE_ERROR',
  'LISTENER_NOT_FOUND',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'OFFSET_NOT_AVAILABLE',
  'UNSTABLE_OFFSET_COMMIT',
  'THROTTLING_QUOTA_EXCEEDED',
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
  'REBOOTSTRAP_REQUIRED',
]);

const STALE_METADATA: ReadonlySet<KafkaErrorName> = new Set<KafkaErrorName>([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'REPLICA_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
  'LISTENER_NOT_FOUND',
]);

const STALE_COORDINATOR: ReadonlySet<KafkaErrorName> = new Set<KafkaErrorName>(['COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR']);

/** What to do about an error, for its message. */
const ADVICE: Partial<Record<KafkaErrorName, string>> = {
  OFFSET_OUT_OF_RANGE: 'the records are gone (retention) or were never there: check the topic and its retention',
  UNKNOWN_TOPIC_OR_PARTITION:
    'the topic or partition does not exist: check its name, create it, or check that it was not deleted',
  UNKNOWN_TOPIC_ID: 'the topic was deleted, or deleted and created again',
  MESSAGE_TOO_LARGE: "raise the topic's max.message.bytes (or the broker's message.max.bytes), or make batches smaller",
  RECORD_LIST_TOO_LARGE: "raise the topic's segment.bytes, or make batches smaller",
  INVALID_TOPIC_EXCEPTION: 'letters, digits, ".", "_" and "-" only, at most 249 of them',
  TOPIC_AUTHORIZATION_FAILED: "grant this client's principal the operation on the topic (kafka-acls --add)",
  GROUP_AUTHORIZATION_FAILED: "grant this client's principal READ on the group (kafka-acls --add)",
  CLUSTER_AUTHORIZATION_FAILED: "grant this client's principal the operation on the cluster (kafka-acls --add)",
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    "grant this client's principal WRITE and DESCRIBE on the transactional id (kafka-acls --add)",
  SASL_AUTHENTICATION_FAILED: 'check user name, password or token and that the mechanism is the one the user was created for',
  UNSUPPORTED_SASL_MECHANISM: "use a mechanism that is in the broker's sasl.enabled.mechanisms",
  SECURITY_DISABLED: 'the broker has no authorizer',
  UNSUPPORTED_VERSION: 'Apache Kafka 3.1 or newer is needed',
  INVALID_TRANSACTION_TIMEOUT: "lower the transaction timeout, or raise the broker's transaction.max.timeout.ms",
  INVALID_PRODUCER_EPOCH: 'another producer with the same transactional id has taken over',
  PRODUCER_FENCED: 'another producer with the same transactional id has taken over, or the transaction timed out',
  TRANSACTION_COORDINATOR_FENCED: 'the coordinator moved: try again',
  INVALID_PRODUCER_ID_MAPPING:
    'the broker has forgotten the transactional id: its transaction is lost (transactional.id.expiration.ms)',
  INVALID_TXN_STATE: 'no such transaction is open: it was aborted by its timeout, or ended before',
  TOPIC_ALREADY_EXISTS: 'use the topic as it is, or another name',
  INVALID_REPLICATION_FACTOR: 'there are fewer brokers than replicas',
  UNSUPPORTED_COMPRESSION_TYPE: 'use another compression',
  INVALID_TIMESTAMP: "timestamps are outside of the topic's message.timestamp.before.max.ms and after.max.ms",
  UNKNOWN_MEMBER_ID: 'the group has members of its own: give this job a group id that nobody else uses',
  INVALID_RECORD: 'the broker refused a record: a compacted topic wants a key in each, for instance',
  NOT_ENOUGH_REPLICAS: 'fewer replicas are in sync than min.insync.replicas',
};

/** The name of a code on the wire; `undefined` for 0, which is success. */
export function kafkaErrorOf(code: number): KafkaErrorName | undefined {
  return code === 0 ? undefined : (NAMES[code - 1] ?? 'UNKNOWN_SERVER_ERROR');
}

/** Whether the same request can succeed later. */
export function isRetriableKafkaError(name: KafkaErrorName): boolean {
  return RETRIABLE.has(name);
}

/** Whether the error says that topics, leaders or brokers are other than thought. */
export function staleMetadataKafkaError(name: KafkaErrorName): boolean {
  return STALE_METADATA.has(name);
}

/** Whether the error says that the coordinator is another broker than thought. */
export function staleCoordinatorKafkaError(name: KafkaErrorName): boolean {
  return STALE_COORDINATOR.has(name);
}

const PERMANENT: ReadonlySet<KafkaErrorName> = new Set<KafkaErrorName>([
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'UNSUPPORTED_VERSION',
]);

/** Whether a restart of the job cannot mend it. */
function isPermanent(name: KafkaErrorName): boolean {
  return name.endsWith('AUTHORIZATION_FAILED') || PERMANENT.has(name);
}

/**
 * The error for something that a broker refused: `<what>: <NAME> (<broker's words>): <what to do>`, code `SERVICE_FAILED`, with
 * `context.kafkaError` and `context.retriable`.
 * @param what What was tried, with topic, partition or transactional id.
 */
export function kafkaError(
  what: string,
  name: KafkaErrorName,
  brokerMessage?: string | null,
  context?: ErrorContext,
): MillraceError {
  const words = brokerMessage ? ` (${brokerMessage})` : '';
  const advice = ADVICE[name];
  return new MillraceError('SERVICE_FAILED', `Kafka: ${what}: ${name}${words}${advice === undefined ? '' : `: ${advice}`}.`, {
    context: { ...context, kafkaError: name, retriable: isRetriableKafkaError(name) },
    recoverable: !isPermanent(name),
  });
}

/** The error for a broker that could not be reached or did not answer: retriable. */
export function connectionError(what: string, cause: unknown, context?: ErrorContext): MillraceError {
  const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/^Kafka: /, '');
  return new MillraceError('SERVICE_FAILED', `Kafka: ${what}: ${reason}`, {
    cause,
    context: { ...context, kafkaError: 'NETWORK_EXCEPTION', retriable: true },
  });
}

/** The same error as one that waiting does not mend, although its kind can pass. */
export function notRetriable(error: MillraceError): MillraceError {
  return new MillraceError(error.code, error.message, {
    cause: error.cause,
    context: { ...error.context, retriable: false },
    recoverable: error.recoverable,
  });
}

/** Kafka's name of an error that a client threw; `undefined` if it is none of Kafka's. */
export function kafkaErrorName(error: unknown): KafkaErrorName | undefined {
  return error instanceof MillraceError ? (error.context.kafkaError as KafkaErrorName | undefined) : undefined;
}

/** Whether a call that threw this can be made again with hope. */
export function isRetriable(error: unknown): boolean {
  return error instanceof MillraceError && error.context.retriable === true;
}
