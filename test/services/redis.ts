/**
 * Redis for tests: Debian's `redis-server`, or any other in the path.
 *
 * What it has answered survives {@link Service.kill}: it appends to a file, whose pages the system keeps, before it answers.
 */
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { makeCertificate } from './certificate.ts';
import { freePort } from './free-port.ts';
import { ServerProcess, serverFolder } from './server-process.ts';
import { namedService, ownService, type Service, started } from './service.ts';

export interface RedisServiceOptions {
  /** Whether the test needs a server of its own, because it kills it or counts on being alone. Default: false. */
  readonly own?: boolean;
  /** Adds a port that speaks TLS: see {@link RedisService.tls}. */
  readonly tls?: boolean;
  /** A user, beside the default one, whom every command is allowed. */
  readonly user?: { readonly username: string; readonly password: string };
  /** The password of the default user. */
  readonly password?: string;
  /** More lines of redis.conf. */
  readonly lines?: readonly string[];
}

export interface RedisService extends Service {
  /** The port with TLS, and the certificate to trust; there with `tls`. */
  readonly tls?: { readonly port: number; readonly ca: string; readonly caFile: string };
}

/** Starts a Redis, or gives the one that MILLRACE_TEST_REDIS names. */
export async function startRedis(options: RedisServiceOptions = {}): Promise<RedisService> {
  const named = Object.keys(options).length === 0 ? namedService('MILLRACE_TEST_REDIS') : undefined;
  if (named !== undefined) return named;
  const folder = serverFolder('redis');
  const port = await freePort();
  const lines = ['bind 127.0.0.1', `port ${port}`, 'save ""', 'appendonly yes', 'appendfsync no', ...(options.lines ?? [])];
  if (options.password !== undefined) lines.push(`requirepass ${options.password}`);
  if (options.user !== undefined) lines.push(`user ${options.user.username} on >${options.user.password} ~* &* +@all`);
  let tls: RedisService['tls'];
  if (options.tls) {
    const { ca, certificateFile, keyFile } = makeCertificate(folder);
    tls = { port: await freePort(), ca, caFile: certificateFile };
    lines.push(`tls-port ${tls.port}`, `tls-cert-file ${certificateFile}`, `tls-key-file ${keyFile}`);
    lines.push(`tls-ca-cert-file ${certificateFile}`, 'tls-auth-clients no');
  }
  const file = join(folder, 'redis.conf');
  writeFileSync(file, `${lines.join('\n')}\n`);
  const server = new ServerProcess({ name: 'Redis', folder, command: ['redis-server', file], ready: () => redisAnswers(port) });
  return Object.assign(ownService(await started(server), port), tls && { tls });
}

/** Whether the server answers a ping, if only to say that it wants a password; not while it loads its data. */
function redisAnswers(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(1000, () => socket.destroy());
    socket.once('data', (data) => {
      resolve(/^(\+PONG|-NOAUTH)/.test(data.toString()));
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(false));
  });
}
