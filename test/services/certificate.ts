/**
 * A self-signed certificate for `localhost` and 127.0.0.1, made by openssl when a server under test wants TLS.
 *
 * It is its own authority: a client that is given it as `ca` trusts the server, any other client does not.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  /** PEM file: the private key, unencrypted PKCS #8. */
  readonly keyFile: string;
  /** PEM file: the certificate. */
  readonly certificateFile: string;
  /** The certificate as text, for clients. */
  readonly ca: string;
}

/** Makes a key and a certificate in `folder`, valid for ten days. */
export function makeCertificate(folder: string): Certificate {
  const keyFile = join(folder, 'key.pem');
  const certificateFile = join(folder, 'certificate.pem');
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '10', ...subject, '-keyout', keyFile, '-out', certificateFile],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  return { keyFile, certificateFile, ca: readFileSync(certificateFile, 'utf8') };
}
