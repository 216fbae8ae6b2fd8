/**
 * Schemas by their id, from a Confluent schema registry over HTTP.
 *
 * A schema never changes under its id, so what was fetched once is kept for good, and one request serves all who ask at the same
 * time. A registry that cannot be reached is asked again for a while; an id that it does not know is an answer, and is kept, too.
 */
import { type Clock, MillraceError, systemClock, toError } from '../../../common/index.ts';
import type { SecretReference } from '../client/index.ts';
import { readSecret } from './read-secret.ts';

export interface SchemaRegistryOptions {
  /** `http://localhost:8081`, or several of one cluster, which are tried in turn. */
  readonly url: string | readonly string[];
  readonly auth?:
    | { readonly username: string | SecretReference; readonly password: SecretReference }
    | { readonly token: SecretReference };
  /** For one request; 10,000 by default. */
  readonly requestTimeoutMs?: number;
  /** How long a registry that does not answer is asked again; 60,000 by default. */
  readonly retryTimeoutMs?: number;
}

export interface RegisteredSchema {
  readonly schemaType: 'AVRO' | 'JSON' | 'PROTOBUF';
  readonly schema: string;
  /** The schemas that it refers to, those that others of them need first. */
  readonly referenced: readonly string[];
}

interface SchemaAnswer {
  readonly schema: string;
  readonly schemaType?: RegisteredSchema['schemaType'];
  readonly references?: readonly { readonly name: string; readonly subject: string; readonly version: number }[];
}

const PAUSE_MS = 250;

export class SchemaRegistry {
  readonly #urls: readonly string[];
  readonly #options: SchemaRegistryOptions;
  readonly #clock: Clock;
  readonly #schemas = new Map<number, Promise<RegisteredSchema | undefined>>();

  constructor(options: SchemaRegistryOptions, clock: Clock = systemClock) {
    this.#urls = [options.url].flat().map((url) => url.replace(/\/+$/, ''));
    if (this.#urls.length === 0 || this.#urls.some((url) => !/^https?:\/\//.test(url))) {
      throw new MillraceError('INVALID_OPTION', "The url of a schema registry must be like 'http://localhost:8081'.");
    }
    this.#options = options;
    this.#clock = clock;
  }

  /** The schema of this id; `undefined` if there is none. @throws MillraceError `SOURCE_FAILED` if the registry does not answer. */
  schemaById(id: number): Promise<RegisteredSchema | undefined> {
    let schema = this.#schemas.get(id);
    if (schema === undefined) {
      schema = this.#fetchSchema(id);
      this.#schemas.set(id, schema);
      schema.catch(() => this.#schemas.delete(id));
    }
    return schema;
  }

  async #fetchSchema(id: number): Promise<RegisteredSchema | undefined> {
    const answer = await this.#get(`/schemas/ids/${id}`);
    if (answer === undefined) return undefined;
    const referenced: string[] = [];
    await this.#addReferences(answer, referenced, new Set());
    return { schemaType: answer.schemaType ?? 'AVRO', schema: answer.schema, referenced };
  }

  async #addReferences({ references = [] }: SchemaAnswer, schemas: string[], seen: Set<string>): Promise<void> {
    for (const { subject, version } of references) {
      const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`;
      if (seen.has(path)) continue;
      seen.add(path);
      const answer = await this.#get(path);
      if (answer === undefined) throw this.#error(path, 'a schema refers to it, and it is not there', false);
      await this.#addReferences(answer, schemas, seen);
      schemas.push(answer.schema);
    }
  }

  async #get(path: string): Promise<SchemaAnswer | undefined> {
    const { retryTimeoutMs = 60_000, requestTimeoutMs = 10_000 } = this.#options;
    const deadlineMs = this.#clock.monotonicMs() + retryTimeoutMs;
    for (let attempt = 0; ; attempt++) {
      const url = this.#urls[attempt % this.#urls.length] as string;
      let reason: string;
      try {
        const headers = { accept: 'application/vnd.schemaregistry.v1+json', ...(await this.#authorization()) };
        const response = await fetch(url + path, { headers, signal: AbortSignal.timeout(requestTimeoutMs) });
        if (response.ok) return (await response.json()) as SchemaAnswer;
        if (response.status === 404) return undefined;
        reason = `HTTP status ${response.status}`;
        if (response.status < 500 && response.status !== 408 && response.status !== 429) throw this.#error(path, reason, false);
      } catch (error) {
        if (error instanceof MillraceError) throw error;
        const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
        reason = toError(cause).message;
      }
      if (this.#clock.monotonicMs() >= deadlineMs) throw this.#error(path, reason, true);
      await new Promise<void>((resolve) => void this.#clock.setTimer(PAUSE_MS * Math.min(8, attempt + 1), resolve));
    }
  }

  async #authorization(): Promise<Record<string, string>> {
    const { auth } = this.#options;
    if (auth === undefined) return {};
    if ('token' in auth) return { authorization: `Bearer ${await readSecret(auth.token)}` };
    const username = typeof auth.username === 'string' ? auth.username : await readSecret(auth.username);
    const credentials = `${username}:${await readSecret(auth.password)}`;
    return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
  }

  #error(path: string, reason: string, recoverable: boolean): MillraceError {
    return new MillraceError(
      'SOURCE_FAILED',
      `The schema registry at ${this.#urls.join(', ')} does not give ${path}: ${reason}. Check its address, that it runs, and the credentials.`,
      { recoverable },
    );
  }
}
