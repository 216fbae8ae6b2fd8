/**
 * Which services tests can want, whether this machine has them, and how to get them.
 */
import { findJava, findProgram } from './maven.ts';
import { findPostgres } from './postgres.ts';

export interface ServiceEntry {
  readonly name: string;
  /** The fixture's file in this folder: what imports it, needs the service. */
  readonly file: string;
  /** Names a service that runs already. */
  readonly variable: string;
  /** Whether the machine can start one. */
  readonly isInstalled: () => boolean;
  /** What to run on Debian and its relatives. */
  readonly install: string;
}

export const SERVICES: readonly ServiceEntry[] = [
  {
    name: 'Kafka',
    file: 'kafka.ts',
    variable: 'MILLRACE_TEST_KAFKA',
    isInstalled: () => findJava() !== undefined && findProgram('javac') !== undefined && findProgram('mvn') !== undefined,
    install: 'apt-get install default-jdk-headless maven',
  },
  {
    name: 'Redis',
    file: 'redis.ts',
    variable: 'MILLRACE_TEST_REDIS',
    isInstalled: () => findProgram('redis-server') !== undefined,
    install: 'apt-get install redis-server',
  },
  {
    name: 'etcd',
    file: 'etcd.ts',
    variable: 'MILLRACE_TEST_ETCD',
    isInstalled: () => findProgram('etcd') !== undefined,
    install: 'apt-get install etcd-server',
  },
  {
    name: 'PostgreSQL',
    file: 'postgres.ts',
    variable: 'MILLRACE_TEST_POSTGRES',
    isInstalled: () => findPostgres() !== undefined,
    install: 'apt-get install postgresql',
  },
];
