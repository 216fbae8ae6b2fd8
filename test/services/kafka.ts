/**
 * Apache Kafka for tests: one node in KRaft mode (broker and controller), from Maven's jars; and more brokers if a test wants followers.
 *
 * `startKafka()` gives the broker that MILLRACE_TEST_KAFKA names, if it names one and the test asks for nothing that needs a broker of its own;
 * otherwise it starts one. The broker creates no topics by itself, and answers once it is registered.
 *
 * How it is made to start quickly: a class data sharing archive of the broker (start 4.6 → 2.7 s), and a formatted data folder
 * that is copied instead of made by a second JVM (1.5 s saved). After SIGKILL a broker answers again only when its last session has expired, so
 * sessions are short. `transaction.abort.timed.out.transaction.cleanup.interval.ms` must keep its default: with a shorter
 * one, transactions that time out while the broker is down can stay open in their partitions for ever.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection, metadataV12 } from '@platformatic/kafka';
import { makeCertificate } from './certificate.ts';
import { FaultyProxy } from './faulty-proxy.ts';
import { freePort } from './free-port.ts';
import { type KafkaJvm, kafkaJvm, layOutData, writeProperties } from './kafka-image.ts';
import { ServerProcess, serverFolder } from './server-process.ts';
import { namedService, ownService, type Service, started } from './service.ts';

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
  /** How many brokers there are beside the first one, for topics with replicas: see {@link KafkaService.followers}. Default: 0. */
  readonly followers?: number;
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
  /**
   * Brokers 2 and up. When one is killed, its partitions get other leaders within some 3 s. The first broker is the controller, too:
   * without it none is elected.
   */
  readonly followers: readonly (Service & KafkaListener)[];
}

const PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
const SCRAM = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
const OAUTH =
  'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";';

/** Starts a broker, or gives the one that MILLRACE_TEST_KAFKA names. Stop it when the test ends: `after(() => kafka.stop())`. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaService> {
  const named = Object.keys(options).length === 0 ? namedService('MILLRACE_TEST_KAFKA') : undefined;
  if (named !== undefined) return { ...named, bootstrapServers: named.address, followers: [] };

  const jvm = await kafkaJvm(liveOnce);
  const first = await layOutFirst(jvm, options);
  const followers: (Service & KafkaListener)[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(followers.map((follower) => follower.stop()));
    await first.listeners.proxied?.proxy.close();
    await first.server.stop();
  };
  try {
    await first.server.start();
    for (let nodeId = 2; nodeId <= 1 + (options.followers ?? 0); nodeId++) {
      followers.push(await startFollower(nodeId, first, jvm, options));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return Object.assign(ownService(first.server, first.listeners.port), first.listeners, { followers, stop });
}

type Listeners = Pick<KafkaService, 'port' | 'bootstrapServers' | 'proxied' | 'tls' | 'sasl' | 'saslTls'>;
type Properties = Record<string, string | number | boolean>;

interface FirstBroker {
  readonly server: ServerProcess;
  readonly listeners: Listeners;
  readonly controllerPort: number;
}

const listener = (port: number): KafkaListener => ({ port, bootstrapServers: `127.0.0.1:${port}` });

/** The short life of a broker that fills the class data sharing archive. */
async function liveOnce(jvm: KafkaJvm): Promise<void> {
  const { server } = await layOutFirst(jvm, {});
  try {
    await server.start();
    await server.kill('SIGTERM');
  } finally {
    await server.stop();
  }
}

async function layOutFirst(jvm: KafkaJvm, options: KafkaOptions): Promise<FirstBroker> {
  const { proxied, tls, sasl } = options;
  const folder = serverFolder('kafka');
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
  const properties: Properties = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${port('CONTROLLER')}`,
    listeners: names.map((name) => `${name}://127.0.0.1:${port(name)}`).join(','),
    'advertised.listeners': names
      .filter((name) => name !== 'CONTROLLER')
      .map((name) => `${name}://127.0.0.1:${name === 'PROXIED' ? proxy?.port : port(name)}`)
      .join(','),
  };
  if (certificate) {
    const keystore = join(folder, 'keystore.pem');
    writeFileSync(keystore, readFileSync(certificate.keyFile, 'utf8') + certificate.ca);
    Object.assign(properties, { 'ssl.keystore.type': 'PEM', 'ssl.keystore.location': keystore });
  }
  if (sasl) {
    properties['sasl.enabled.mechanisms'] = 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER';
    for (const name of tls ? ['sasl', 'sasltls'] : ['sasl']) {
      properties[`listener.name.${name}.plain.sasl.jaas.config`] = `${PLAIN} user_${sasl.username}="${sasl.password}";`;
      properties[`listener.name.${name}.scram-sha-256.sasl.jaas.config`] = SCRAM;
      properties[`listener.name.${name}.scram-sha-512.sasl.jaas.config`] = SCRAM;
      properties[`listener.name.${name}.oauthbearer.sasl.jaas.config`] = OAUTH;
    }
  }
  const server = await layOutBroker(1, folder, port('PLAINTEXT'), properties, jvm, options);
  const listeners: Listeners = {
    ...listener(port('PLAINTEXT')),
    ...(proxy && { proxied: { ...listener(proxy.port), proxy } }),
    ...(certificate && { tls: { ...listener(port('TLS')), ca: certificate.ca } }),
    ...(sasl && { sasl: listener(port('SASL')) }),
    ...(sasl && certificate && { saslTls: { ...listener(port('SASLTLS')), ca: certificate.ca } }),
  };
  return { server, listeners, controllerPort: port('CONTROLLER') };
}

async function startFollower(
  nodeId: number,
  { controllerPort }: FirstBroker,
  jvm: KafkaJvm,
  options: KafkaOptions,
): Promise<Service & KafkaListener> {
  const port = await freePort();
  const properties = {
    'process.roles': 'broker',
    'node.id': nodeId,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
  };
  const server = await layOutBroker(nodeId, serverFolder(`kafka-${nodeId}`), port, properties, jvm, options);
  return Object.assign(ownService(await started(server), port), listener(port));
}

/** Writes what a broker needs into its folder. It is ready when it answers on `port`. */
async function layOutBroker(
  nodeId: number,
  folder: string,
  port: number,
  properties: Properties,
  jvm: KafkaJvm,
  options: KafkaOptions,
): Promise<ServerProcess> {
  const { transactionVersion = 2, sasl, followers = 0 } = options;
  await layOutData(join(folder, 'data'), jvm, { nodeId, transactionVersion, ...(sasl && { scramUser: sasl }) });
  const internal = {
    'offsets.topic.replication.factor': 1 + followers,
    'transaction.state.log.replication.factor': 1 + followers,
    'share.coordinator.state.topic.replication.factor': 1 + followers,
  };
  const data = { 'log.dirs': join(folder, 'data') };
  writeProperties(folder, { ...SERVER_PROPERTIES, ...internal, ...data, ...properties, ...options.properties });
  const memory = ['-Xms256m', '-Xmx512m', ...(options.javaOptions ?? [])];
  return new ServerProcess({
    name: `Kafka broker ${nodeId}`,
    folder,
    command: [jvm.java, ...jvm.words, ...memory, 'kafka.Kafka', 'server.properties'],
    ready: () => brokerAnswers(port),
  });
}

const SERVER_PROPERTIES = {
  'controller.listener.names': 'CONTROLLER',
  'listener.security.protocol.map':
    'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT,TLS:SSL,SASL:SASL_PLAINTEXT,SASLTLS:SASL_SSL',
  'inter.broker.listener.name': 'PLAINTEXT',
  'broker.session.timeout.ms': 3000,
  'broker.heartbeat.interval.ms': 500,
  'auto.create.topics.enable': false,
  'offsets.topic.num.partitions': 2,
  'transaction.state.log.min.isr': 1,
  'transaction.state.log.num.partitions': 2,
  'share.coordinator.state.topic.min.isr': 1,
  'share.coordinator.state.topic.num.partitions': 1,
  'group.initial.rebalance.delay.ms': 0,
  'log.cleaner.dedupe.buffer.size': 2_097_152,
  'log.cleaner.io.buffer.size': 65_536,
  'log.index.size.max.bytes': 1_048_576,
};

/** Whether the broker on this port is registered and not fenced: only then its metadata name it. */
async function brokerAnswers(port: number): Promise<boolean> {
  const connection = new Connection('millrace-test', { connectTimeout: 1000, requestTimeout: 1000 });
  try {
    await connection.connect('127.0.0.1', port);
    return (await metadataV12.api.async(connection, [])).brokers.some((broker) => broker.port === port);
  } finally {
    await connection.close().catch(() => {});
  }
}
