/**
 * Apache Kafka for tests: one node in KRaft mode (broker and controller), from Maven's jars.
 *
 * `startKafka()` gives the broker that MILLRACE_TEST_KAFKA names, if it names one and the test asks for nothing that needs a broker of its own;
 * otherwise it starts one. The broker creates no topics by itself, and answers once it is registered.
 *
 * How it is made to start quickly: a class data sharing archive of the broker (start 4.6 → 2.7 s), and a formatted data folder
 * that is copied instead of made by a second JVM (1.5 s saved). After SIGKILL a broker answers again only when its last session has expired, so
 * sessions are short. `transaction.abort.timed.out.transaction.cleanup.interval.ms` must keep its default: with a shorter
 * one, transactions that time out while the broker is down can stay open in their partitions for ever.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection, metadataV12 } from '@platformatic/kafka';
import { makeCertificate } from './certificate.ts';
import { FaultyProxy } from './faulty-proxy.ts';
import { freePort } from './free-port.ts';
import { findJava, mavenClassPath } from './maven.ts';
import { ServerProcess, serverFolder } from './server-process.ts';
import { namedService, ownService, type Service, started } from './service.ts';
import { cached, cacheFolder } from './tool-cache.ts';

export const KAFKA_VERSION = '4.4.0';

const ARTIFACTS = [`org.apache.kafka:kafka_2.13:${KAFKA_VERSION}`, 'org.slf4j:slf4j-simple:1.7.36'];
const CLUSTER_ID = 'millraceTestCluster000';

export interface KafkaOptions {
  /** Whether the test needs a broker of its own, because it kills it or counts on being alone. Default: false. */
  readonly own?: boolean;
  /** Adds a listener that advertises a {@link FaultyProxy}: see {@link KafkaService.proxied}. */
  readonly proxied?: boolean;
  /** Adds a listener with TLS: see {@link KafkaService.tls}. */
  readonly tls?: boolean;
  /** Adds a listener with SASL (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, unsecured OAUTHBEARER), and one with SASL and TLS if `tls` is set. */
  readonly sasl?: { readonly username: string; readonly password: string };
  /** The level of the feature `transaction.version`. Default: 2. */
  readonly transactionVersion?: 0 | 1 | 2;
  /** More lines of server.properties; they win over the fixture's own. */
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
  /** Words for the JVM behind the fixture's own, such as `-Xmx1g`. */
  readonly javaOptions?: readonly string[];
}

/** How a client reaches one listener. */
export interface KafkaListener {
  readonly port: number;
  /** `127.0.0.1:port`. */
  readonly bootstrapServers: string;
}

export interface KafkaService extends Service, KafkaListener {
  /** The listener behind the proxy; there with `proxied`. */
  readonly proxied?: KafkaListener & { readonly proxy: FaultyProxy };
  /** The listener with TLS, and the certificate to trust; there with `tls`. */
  readonly tls?: KafkaListener & { readonly ca: string };
  /** The listener with SASL, no TLS; there with `sasl`. */
  readonly sasl?: KafkaListener;
  /** The listener with both; there with `sasl` and `tls`. */
  readonly saslTls?: KafkaListener & { readonly ca: string };
}

const PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
const SCRAM = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
const OAUTH =
  'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";';
const JVM = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];

/** Starts a broker, or gives the one that MILLRACE_TEST_KAFKA names. Stop it when the test ends: `after(() => kafka.stop())`. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaService> {
  const named = Object.keys(options).length === 0 ? namedService('MILLRACE_TEST_KAFKA') : undefined;
  if (named !== undefined) return { ...named, bootstrapServers: named.address };

  const java = findJava();
  if (java === undefined) throw new Error('Kafka needs Java 17 or later: apt-get install default-jdk-headless maven');
  const classPath = await kafkaClassPath();
  const archive = await sharedArchive(java, classPath);
  const folder = serverFolder('kafka');
  const broker = await layOut(folder, options);
  const data = await formatted(java, classPath, archive, options);
  cpSync(data, join(folder, 'data'), { recursive: true });

  const server = new ServerProcess({
    name: 'Kafka',
    folder,
    command: [
      java,
      `-XX:SharedArchiveFile=${archive}`,
      ...JVM,
      '-Xms256m',
      '-Xmx512m',
      ...(options.javaOptions ?? []),
      '-cp',
      classPath,
      'kafka.Kafka',
      'server.properties',
    ],
    ready: () => brokerAnswers(broker.port),
  });
  try {
    const service = ownService(await started(server), broker.port);
    const stop = async (): Promise<void> => {
      await broker.proxied?.proxy.close();
      await service.stop();
    };
    return Object.assign(service, broker, { stop });
  } catch (error) {
    await broker.proxied?.proxy.close();
    throw error;
  }
}

/** The class path of the broker: `kafka.Kafka`, `kafka.tools.StorageTool` and the Java clients. */
export function kafkaClassPath(): Promise<string> {
  return mavenClassPath(`kafka-${KAFKA_VERSION}`, ARTIFACTS);
}

type Listeners = Pick<KafkaService, 'port' | 'bootstrapServers' | 'proxied' | 'tls' | 'sasl' | 'saslTls'>;

const listener = (port: number): KafkaListener => ({ port, bootstrapServers: `127.0.0.1:${port}` });

/** Writes server.properties, opens the proxy, and tells the listeners. */
async function layOut(folder: string, { proxied, tls, sasl, properties }: KafkaOptions): Promise<Listeners> {
  const names = ['PLAINTEXT', 'CONTROLLER'];
  if (proxied) names.push('PROXIED');
  if (tls) names.push('TLS');
  if (sasl) names.push('SASL');
  if (tls && sasl) names.push('SASLTLS');
  const ports = new Map<string, number>();
  for (const name of names) ports.set(name, await freePort());
  const port = (name: string): number => ports.get(name) as number;
  const proxy = proxied ? await FaultyProxy.listen(port('PROXIED'), await freePort()) : undefined;
  const certificate = tls ? makeCertificate(folder) : undefined;

  const lines: Record<string, string | number | boolean> = {
    ...SERVER_PROPERTIES,
    'log.dirs': join(folder, 'data'),
    'controller.quorum.voters': `1@127.0.0.1:${port('CONTROLLER')}`,
    listeners: names.map((name) => `${name}://127.0.0.1:${port(name)}`).join(','),
    'advertised.listeners': names
      .filter((name) => name !== 'CONTROLLER')
      .map((name) => `${name}://127.0.0.1:${name === 'PROXIED' ? proxy?.port : port(name)}`)
      .join(','),
  };
  if (certificate) {
    lines['ssl.keystore.type'] = 'PEM';
    lines['ssl.keystore.location'] = join(folder, 'keystore.pem');
    execFileSync('sh', ['-c', 'cat key.pem certificate.pem > keystore.pem'], { cwd: folder });
  }
  if (sasl) {
    lines['sasl.enabled.mechanisms'] = 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER';
    for (const name of tls ? ['sasl', 'sasltls'] : ['sasl']) {
      lines[`listener.name.${name}.plain.sasl.jaas.config`] = `${PLAIN} user_${sasl.username}="${sasl.password}";`;
      lines[`listener.name.${name}.scram-sha-256.sasl.jaas.config`] = SCRAM;
      lines[`listener.name.${name}.scram-sha-512.sasl.jaas.config`] = SCRAM;
      lines[`listener.name.${name}.oauthbearer.sasl.jaas.config`] = OAUTH;
    }
  }
  const text = Object.entries({ ...lines, ...properties }).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(join(folder, 'server.properties'), text.join(''));
  return {
    ...listener(port('PLAINTEXT')),
    ...(proxy && { proxied: { ...listener(proxy.port), proxy } }),
    ...(certificate && { tls: { ...listener(port('TLS')), ca: certificate.ca } }),
    ...(sasl && { sasl: listener(port('SASL')) }),
    ...(sasl && certificate && { saslTls: { ...listener(port('SASLTLS')), ca: certificate.ca } }),
  };
}

const SERVER_PROPERTIES = {
  'process.roles': 'broker,controller',
  'node.id': 1,
  'controller.listener.names': 'CONTROLLER',
  'listener.security.protocol.map':
    'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT,TLS:SSL,SASL:SASL_PLAINTEXT,SASLTLS:SASL_SSL',
  'inter.broker.listener.name': 'PLAINTEXT',
  'broker.session.timeout.ms': 3000,
  'broker.heartbeat.interval.ms': 500,
  'auto.create.topics.enable': false,
  'offsets.topic.replication.factor': 1,
  'offsets.topic.num.partitions': 2,
  'transaction.state.log.replication.factor': 1,
  'transaction.state.log.min.isr': 1,
  'transaction.state.log.num.partitions': 2,
  'share.coordinator.state.topic.replication.factor': 1,
  'share.coordinator.state.topic.min.isr': 1,
  'share.coordinator.state.topic.num.partitions': 1,
  'group.initial.rebalance.delay.ms': 0,
  'log.cleaner.dedupe.buffer.size': 2_097_152,
  'log.cleaner.io.buffer.size': 65_536,
  'log.index.size.max.bytes': 1_048_576,
};

/** A data folder that is formatted for these options; it knows neither its path nor its ports, so it is made once and copied. */
async function formatted(
  java: string,
  classPath: string,
  archive: string,
  { transactionVersion = 2, sasl }: KafkaOptions,
): Promise<string> {
  const words = ['--feature', `transaction.version=${transactionVersion}`];
  for (const mechanism of sasl ? ['SCRAM-SHA-256', 'SCRAM-SHA-512'] : []) {
    words.push('--add-scram', `${mechanism}=[name=${sasl?.username},password=${sasl?.password}]`);
  }
  const hash = createHash('sha256').update(words.join(' ')).digest('hex').slice(0, 16);
  return cached(`kafka-${KAFKA_VERSION}-formatted/${hash}`, (target) => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-format-'));
    try {
      const properties = { ...SERVER_PROPERTIES, 'log.dirs': target, listeners: 'PLAINTEXT://:1,CONTROLLER://:2' };
      const file = join(folder, 'server.properties');
      const lines = Object.entries({ ...properties, 'controller.quorum.voters': '1@127.0.0.1:2' });
      writeFileSync(file, lines.map(([key, value]) => `${key}=${value}\n`).join(''));
      const jvm = [`-XX:SharedArchiveFile=${archive}`, ...JVM, '-Xmx256m', '-cp', classPath];
      execFileSync(java, [...jvm, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', file, ...words], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

/** The class data sharing archive of a broker, from one short life of a broker. */
async function sharedArchive(java: string, classPath: string): Promise<string> {
  const version = execFileSync(java, ['-Xinternalversion'], { encoding: 'utf8' });
  const hash = createHash('sha256').update(`${version}\n${classPath}`).digest('hex').slice(0, 16);
  const name = `kafka-${KAFKA_VERSION}-archive/${hash}`;
  if (existsSync(join(cacheFolder, name))) return join(cacheFolder, name, 'broker.jsa');
  const none = join(tmpdir(), 'no-archive');
  const data = await formatted(java, classPath, none, {});
  const made = await cached(name, async (target) => {
    const folder = serverFolder('kafka-archive');
    const broker = await layOut(folder, {});
    cpSync(data, join(folder, 'data'), { recursive: true });
    const archive = join(folder, 'broker.jsa');
    const jvm = [`-XX:ArchiveClassesAtExit=${archive}`, ...JVM, '-Xmx512m', '-cp', classPath];
    const server = new ServerProcess({
      name: 'Kafka',
      folder,
      command: [java, ...jvm, 'kafka.Kafka', 'server.properties'],
      ready: () => brokerAnswers(broker.port),
    });
    try {
      await server.start();
      await server.kill('SIGTERM');
      cpSync(archive, join(target, 'broker.jsa.new'));
      renameSync(join(target, 'broker.jsa.new'), join(target, 'broker.jsa'));
    } finally {
      await server.stop();
    }
  });
  return join(made, 'broker.jsa');
}

/** Whether a broker is registered and not fenced: only then does its metadata name one. */
async function brokerAnswers(port: number): Promise<boolean> {
  const connection = new Connection('millrace-test', { connectTimeout: 1000, requestTimeout: 1000 });
  try {
    await connection.connect('127.0.0.1', port);
    return (await metadataV12.api.async(connection, [])).brokers.length > 0;
  } finally {
    await connection.close().catch(() => {});
  }
}
