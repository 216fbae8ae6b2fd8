/**
 * PostgreSQL for tests: Debian's package, or any other whose `initdb` is in the path. The superuser is `test`, without a password.
 *
 * Logical replication and prepared transactions are on. It is not synced to disk: a killed server loses nothing, a machine
 * without power would.
 */
import { execFileSync } from 'node:child_process';
import { chownSync, globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freePort } from './free-port.ts';
import { findProgram } from './maven.ts';
import { ServerProcess, serverFolder } from './server-process.ts';
import { namedService, ownService, type Service, started } from './service.ts';

export interface PostgresServiceOptions {
  /** Whether the test needs a server of its own, because it kills it or counts on being alone. Default: false. */
  readonly own?: boolean;
  /** Settings beside the fixture's own, such as `{ max_connections: 10 }`. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  wal_level: 'logical',
  max_prepared_transactions: 64,
  max_replication_slots: 16,
  max_wal_senders: 16,
  fsync: 'off',
  shared_buffers: '64MB',
};

/** The folder of PostgreSQL's programs; Debian keeps them out of the path. */
export function findPostgres(): string | undefined {
  const newestFirst = globSync('/usr/lib/postgresql/*/bin').sort((a, b) => b.localeCompare(a, undefined, { numeric: true }));
  const initdb = findProgram('initdb', newestFirst);
  return initdb === undefined ? undefined : dirname(initdb);
}

/** Starts a PostgreSQL, or gives the one that MILLRACE_TEST_POSTGRES names (its superuser must be `test`, too). */
export async function startPostgres(options: PostgresServiceOptions = {}): Promise<Service> {
  const named = Object.keys(options).length === 0 ? namedService('MILLRACE_TEST_POSTGRES') : undefined;
  if (named !== undefined) return named;
  const programs = findPostgres();
  if (programs === undefined) throw new Error('PostgreSQL is missing: apt-get install postgresql');
  const folder = serverFolder('postgres');
  const port = await freePort();
  const account = unprivileged();
  if (account !== undefined) chownSync(folder, account.uid, account.gid);
  const data = join(folder, 'data');
  const layout = ['-D', data, '-U', 'test', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'];
  execFileSync(join(programs, 'initdb'), layout, { ...account, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const settings = Object.entries({ ...SETTINGS, ...options.settings }).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const ask = ['-q', '-h', '127.0.0.1', '-p', `${port}`];
  const server = new ServerProcess({
    name: 'PostgreSQL',
    folder,
    command: [join(programs, 'postgres'), '-D', data, '-p', `${port}`, '-k', folder, ...settings],
    ...(account && { account }),
    ready: async () => execFileSync(join(programs, 'pg_isready'), ask) !== undefined,
    // By SIGKILL its children would be left to find out for themselves.
    stopSignal: 'SIGINT',
  });
  return ownService(await started(server), port);
}

/** PostgreSQL refuses to run as root: it gets the account that its package made. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
