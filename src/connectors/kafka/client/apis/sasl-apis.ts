/**
 * The two requests by which a connection is authenticated.
 */
import { type KafkaErrorName, kafkaErrorOf } from '../kafka-errors.ts';
import { type KafkaApi, readLong } from './kafka-api.ts';

export const saslHandshakeApi: KafkaApi<
  string,
  { readonly error: KafkaErrorName | undefined; readonly mechanisms: readonly string[] }
> = {
  key: 17,
  name: 'SaslHandshake',
  minVersion: 1,
  maxVersion: 1,
  flexible: false,
  write(writer, mechanism) {
    writer.appendString(mechanism, false);
  },
  read(reader) {
    return { error: kafkaErrorOf(reader.readInt16()), mechanisms: reader.readArray((r) => r.readString(false), false, false) };
  },
};

export interface SaslAnswer {
  readonly error: KafkaErrorName | undefined;
  readonly errorMessage: string | null;
  readonly bytes: Buffer;
  /** 0 if the session does not end. */
  readonly sessionLifetimeMs: number;
}

export const saslAuthenticateApi: KafkaApi<Buffer, SaslAnswer> = {
  key: 36,
  name: 'SaslAuthenticate',
  minVersion: 2,
  maxVersion: 2,
  write(writer, bytes) {
    writer.appendBytes(bytes).appendTaggedFields();
  },
  read(reader) {
    const error = kafkaErrorOf(reader.readInt16());
    const errorMessage = reader.readNullableString();
    return { error, errorMessage, bytes: reader.readBytes(), sessionLifetimeMs: readLong(reader) };
  },
};
