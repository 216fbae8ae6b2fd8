/**
 * SASL: what client and broker say to each other, by mechanism. SCRAM is RFC 5802 (the broker proves that it knows the password, too);
 * names and passwords are taken as they are, as Kafka takes them.
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { MillraceError } from '../../../common/index.ts';
import { kafkaError } from './kafka-errors.ts';
import type { SaslOptions } from './kafka-security.ts';
import { resolveSecret } from './secrets.ts';

/** Sends bytes to the broker and returns its answer. @throws MillraceError if the broker refuses. */
export type SaslExchange = (bytes: Buffer) => Promise<Buffer>;

const MIN_ITERATIONS = 4_096;
const derive = promisify(pbkdf2);

/** @throws MillraceError SASL_AUTHENTICATION_FAILED, or `INVALID_OPTION` if a secret cannot be found. */
export async function authenticate(sasl: SaslOptions, exchange: SaslExchange): Promise<void> {
  if (sasl.mechanism === 'OAUTHBEARER') {
    const token = await resolveSecret('sasl.token', sasl.token);
    const extensions = Object.entries(sasl.extensions ?? {}).map(([key, value]) => `\x01${key}=${value}`);
    const answer = await exchange(Buffer.from(`n,,\x01auth=Bearer ${token}${extensions.join('')}\x01\x01`));
    if (answer.length === 0) return;
    // The broker says why in a challenge, waits to hear that it was understood, and then refuses.
    await exchange(Buffer.from('\x01'));
    throw refused('the broker does not take the token');
  }
  const username = typeof sasl.username === 'string' ? sasl.username : await resolveSecret('sasl.username', sasl.username);
  const password = await resolveSecret('sasl.password', sasl.password);
  if (sasl.mechanism === 'PLAIN') await exchange(Buffer.from(`\0${username}\0${password}`));
  else await scram(sasl.mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512', username, password, exchange);
}

async function scram(hash: 'sha256' | 'sha512', username: string, password: string, exchange: SaslExchange): Promise<void> {
  const nonce = randomBytes(24).toString('base64url');
  const first = `n=${username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`;
  const challenge = (await exchange(Buffer.from(`n,,${first}`))).toString();
  const { r: serverNonce = '', s: salt = '', i: iterations = '' } = attributesOf(challenge);
  if (!serverNonce.startsWith(nonce) || serverNonce === nonce) throw refused("the broker's nonce does not continue ours");
  if (!(Number(iterations) >= MIN_ITERATIONS)) throw refused(`the broker asks for ${iterations} iterations, too few to be safe`);

  const keyLength = hash === 'sha256' ? 32 : 64;
  const salted = await derive(password, Buffer.from(salt, 'base64'), Number(iterations), keyLength, hash);
  const hmac = (key: Buffer, text: string): Buffer => createHmac(hash, key).update(text).digest();
  const last = `c=biws,r=${serverNonce}`;
  const conversation = `${first},${challenge},${last}`;
  const clientKey = hmac(salted, 'Client Key');
  const signature = hmac(createHash(hash).update(clientKey).digest(), conversation);
  const proof = clientKey.map((byte, i) => byte ^ signature[i]!);
  const answer = await exchange(Buffer.from(`${last},p=${Buffer.from(proof).toString('base64')}`));

  const proven = Buffer.from(attributesOf(answer.toString()).v ?? '', 'base64');
  const expected = hmac(hmac(salted, 'Server Key'), conversation);
  if (proven.length !== expected.length || !timingSafeEqual(proven, expected)) {
    throw refused('the broker could not prove that it knows the password: it may not be the one it says');
  }
}

/** `a=1,b=2` → `{ a: '1', b: '2' }` */
function attributesOf(text: string): Record<string, string> {
  return Object.fromEntries(text.split(',').map((part) => [part.slice(0, 1), part.slice(2)]));
}

function refused(why: string): MillraceError {
  return kafkaError('authenticating', 'SASL_AUTHENTICATION_FAILED', why);
}
