/**
 * How a client proves who it is and makes sure of whom it talks to: options as the user writes them.
 *
 * Secrets are never values in the program: they are named (`{ env }`, `{ file }`) or fetched by a function, are read anew at
 * each connection (so that they can be rotated), and appear in no message and no log.
 */

/** Where a secret is found: an environment variable, a file (a line end at its end is not part of it), or a function. */
export type SecretReference = { readonly env: string } | { readonly file: string } | (() => string | Promise<string>);

/** PEM text, or where it is found. */
export type PemReference = string | SecretReference;

export interface TlsOptions {
  /** Certificates of authorities to trust instead of the platform's. */
  readonly ca?: PemReference;
  /** The client's own certificate and key, if the broker asks for them. */
  readonly cert?: PemReference;
  readonly key?: SecretReference;
  /** Of `key`, if that is encrypted. */
  readonly passphrase?: SecretReference;
  /** The name that the broker's certificate must have, instead of the host's. */
  readonly serverName?: string;
  /** `true` by default; `false` accepts a trusted certificate of any name (as an empty `ssl.endpoint.identification.algorithm`). */
  readonly checkServerName?: boolean;
}

export type SaslOptions =
  | {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
      readonly username: string | SecretReference;
      readonly password: SecretReference;
    }
  | {
      readonly mechanism: 'OAUTHBEARER';
      /** Asked for a token at each connection and before a session ends. */
      readonly token: SecretReference;
      readonly extensions?: Readonly<Record<string, string>>;
    };

export interface KafkaSecurity {
  /** `true`: TLS with the platform's authorities. */
  readonly tls?: boolean | TlsOptions;
  readonly sasl?: SaslOptions;
}
