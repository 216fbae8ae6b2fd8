/** etcd for tests: one node of Debian's `etcd-server`, or any other in the path. Its JSON gateway is on the client port. */
import { request } from 'node:http';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { ServerProcess, serverFolder } from './server-process.ts';
import { namedService, ownService, type Service, started } from './service.ts';

export interface EtcdServiceOptions {
  /** Whether the test needs a server of its own, because it kills it or counts on being alone. Default: false. */
  readonly own?: boolean;
}

/** Starts an etcd, or gives the one that MILLRACE_TEST_ETCD names. */
export async function startEtcd(options: EtcdServiceOptions = {}): Promise<Service> {
  const named = options.own ? undefined : namedService('MILLRACE_TEST_ETCD');
  if (named !== undefined) return named;
  const folder = serverFolder('etcd');
  const port = await freePort();
  const clients = `http://127.0.0.1:${port}`;
  const peers = `http://127.0.0.1:${await freePort()}`;
  const words = {
    'data-dir': join(folder, 'data'),
    'listen-client-urls': clients,
    'advertise-client-urls': clients,
    'listen-peer-urls': peers,
    'initial-advertise-peer-urls': peers,
    'initial-cluster': `default=${peers}`,
    logger: 'zap',
    'log-level': 'error',
    // A single node need not wait long before it elects itself.
    'heartbeat-interval': '20',
    'election-timeout': '200',
  };
  const command = ['etcd', ...Object.entries(words).flatMap(([name, value]) => [`--${name}`, value])];
  return ownService(await started(new ServerProcess({ name: 'etcd', folder, command, ready: () => isHealthy(port) })), port);
}

function isHealthy(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    // Without an agent: a connection that is kept open would keep the test's process alive.
    const asked = request({ host: '127.0.0.1', port, path: '/health', agent: false, timeout: 1000 }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk));
      response.on('end', () => resolve(JSON.parse(text).health === 'true'));
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end();
  });
}
