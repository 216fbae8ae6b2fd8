/**
 * The connections of a client: at most one to each broker for each purpose, made when first needed and again after it ended.
 *
 * A broker answers the requests of one connection one after the other, so a long poll has a connection of its own, and so
 * have batches on their way: neither may keep a question waiting.
 */
import type { Logger } from '../../../common/index.ts';
import { MillraceError } from '../../../common/index.ts';
import { BrokerConnection, type ConnectionSettings } from './broker-connection.ts';
import { FrameMemory } from './frame-memory.ts';
import { loadKafkaLibrary } from './kafka-library.ts';

/** Memory that is kept for answers to come, for a client. */
const SPARE_FRAME_BYTES = 64 * 1_048_576;

export type Purpose = 'control' | 'fetch' | 'produce';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export class BrokerConnections {
  readonly #settings: Omit<ConnectionSettings, 'library' | 'memory'>;
  readonly #logger: Logger;
  readonly #connections = new Map<string, Promise<BrokerConnection>>();
  readonly #memory = new FrameMemory(SPARE_FRAME_BYTES);
  #closed = false;

  constructor(settings: Omit<ConnectionSettings, 'library' | 'memory'>, logger: Logger) {
    this.#settings = settings;
    this.#logger = logger;
  }

  /** A connection that is open as far as is known. @throws MillraceError as `BrokerConnection.open`. */
  async get(endpoint: Endpoint, purpose: Purpose): Promise<BrokerConnection> {
    const key = `${purpose} ${endpoint.host}:${endpoint.port}`;
    const existing = this.#connections.get(key);
    if (existing !== undefined) {
      const connection = await existing;
      if (connection.usable) return connection;
      // Its last answers come before the first ones of the next: order is kept.
      await connection.retire();
      if (this.#connections.get(key) === existing) this.#connections.delete(key);
      return this.get(endpoint, purpose);
    }
    const opening = this.#open(endpoint, purpose);
    this.#connections.set(key, opening);
    try {
      return await opening;
    } catch (error) {
      if (this.#connections.get(key) === opening) this.#connections.delete(key);
      throw error;
    }
  }

  /** Ends all connections; those being made end as soon as they are. */
  close(): void {
    this.#closed = true;
    const reason = new MillraceError('ILLEGAL_STATE', 'The Kafka client was closed.');
    for (const opening of this.#connections.values()) {
      opening.then(
        (connection) => connection.end(reason),
        () => {},
      );
    }
    this.#connections.clear();
  }

  async #open({ host, port }: Endpoint, purpose: Purpose): Promise<BrokerConnection> {
    const memory = purpose === 'fetch' ? this.#memory : undefined;
    const connection = await BrokerConnection.open(host, port, { ...this.#settings, library: await loadKafkaLibrary(), memory });
    this.#logger.log('debug', 'Connected to a Kafka broker', { address: connection.address });
    if (this.#closed) connection.end(new MillraceError('ILLEGAL_STATE', 'The Kafka client was closed.'));
    return connection;
  }
}
