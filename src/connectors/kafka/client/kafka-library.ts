/**
 * The package `@platformatic/kafka`, an optional peer: loaded when a client or a codec is first needed, so that importing the
 * connector costs nothing. Of it are used the readers and writers of the protocol, compression and checksums;
 * not its connections (see `BrokerConnection`) and not its clients.
 */
import { MillraceError } from '../../../common/index.ts';

export type KafkaLibrary = typeof import('@platformatic/kafka');

let loading: Promise<KafkaLibrary> | undefined;

/** @throws MillraceError `INVALID_OPTION` if the package is not installed. */
export function loadKafkaLibrary(): Promise<KafkaLibrary> {
  loading ??= import('@platformatic/kafka').catch((error: unknown) => {
    loading = undefined;
    throw new MillraceError(
      'INVALID_OPTION',
      'millrace/kafka needs the package "@platformatic/kafka", which could not be loaded: run `npm install @platformatic/kafka@2`.',
      { cause: error },
    );
  });
  return loading;
}
