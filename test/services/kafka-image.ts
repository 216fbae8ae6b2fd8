/**
 * What all brokers under test share, made once per machine and kept in the cache: jars, a class data sharing archive, and formatted
 * data folders.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findJava, mavenClassPath } from './maven.ts';
import { cached, cacheFolder } from './tool-cache.ts';

export const KAFKA_VERSION = '4.4.0';

const ARTIFACTS = [`org.apache.kafka:kafka_2.13:${KAFKA_VERSION}`, 'org.slf4j:slf4j-simple:1.7.36'];
const CLUSTER_ID = 'millraceTestCluster000';
const FLAGS = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];

/** A Java machine with Kafka's classes. */
export interface KafkaJvm {
  readonly java: string;
  /** Words before the name of the main class. */
  readonly words: readonly string[];
}

/** How a data folder is formatted. */
export interface KafkaFormat {
  readonly nodeId: number;
  readonly transactionVersion: number;
  readonly scramUser?: { readonly username: string; readonly password: string };
}

/** The class path of the broker: `kafka.Kafka`, `kafka.tools.StorageTool` and the Java clients. */
export function kafkaClassPath(): Promise<string> {
  return mavenClassPath(`kafka-${KAFKA_VERSION}`, ARTIFACTS);
}

/**
 * The JVM for brokers. Its archive comes from one short life of a broker, in which `live` gets the words for the JVM and must start a broker
 * and end it in good order.
 */
export async function kafkaJvm(live: (jvm: KafkaJvm) => Promise<void>): Promise<KafkaJvm> {
  const java = findJava();
  if (java === undefined) throw new Error('Kafka needs Java 17 or later: apt-get install default-jdk-headless maven');
  const classPath = await kafkaClassPath();
  const words = [...FLAGS, '-cp', classPath];
  // An archive belongs to one build of Java and one class path.
  const version = execFileSync(java, ['-Xinternalversion'], { encoding: 'utf8' });
  const hash = createHash('sha256').update(`${version}\n${classPath}`).digest('hex').slice(0, 16);
  const name = `kafka-${KAFKA_VERSION}-archive/${hash}`;
  if (!existsSync(join(cacheFolder, name))) {
    await cached(name, (target) => live({ java, words: [`-XX:ArchiveClassesAtExit=${join(target, 'broker.jsa')}`, ...words] }));
  }
  return { java, words: [`-XX:SharedArchiveFile=${join(cacheFolder, name, 'broker.jsa')}`, ...words] };
}

/** Fills `data` with a formatted folder. It knows neither its path nor any port, so it is made once and copied. */
export async function layOutData(data: string, { java, words }: KafkaJvm, format: KafkaFormat): Promise<void> {
  const { nodeId, transactionVersion, scramUser } = format;
  const settings = ['--feature', `transaction.version=${transactionVersion}`];
  for (const mechanism of scramUser ? ['SCRAM-SHA-256', 'SCRAM-SHA-512'] : []) {
    settings.push('--add-scram', `${mechanism}=[name=${scramUser?.username},password=${scramUser?.password}]`);
  }
  const hash = createHash('sha256')
    .update(`${nodeId} ${settings.join(' ')}`)
    .digest('hex')
    .slice(0, 16);
  const image = await cached(`kafka-${KAFKA_VERSION}-formatted/${hash}`, (target) => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-format-'));
    try {
      const isController = nodeId === 1;
      const file = writeProperties(folder, {
        'process.roles': isController ? 'broker,controller' : 'broker',
        'node.id': nodeId,
        'controller.listener.names': 'CONTROLLER',
        'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
        'controller.quorum.voters': '1@127.0.0.1:2',
        listeners: isController ? 'PLAINTEXT://:1,CONTROLLER://:2' : 'PLAINTEXT://:1',
        'log.dirs': target,
      });
      const tool = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', file, ...settings];
      execFileSync(java, [...words.filter((word) => !word.includes('ArchiveClassesAtExit')), '-Xmx256m', ...tool], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
  cpSync(image, data, { recursive: true });
}

/** Writes server.properties and returns its path. */
export function writeProperties(folder: string, properties: Readonly<Record<string, string | number | boolean>>): string {
  const file = join(folder, 'server.properties');
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(file, lines.join(''));
  return file;
}
