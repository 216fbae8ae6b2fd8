/**
 * The judge of exactly-once tests: reads a topic as a `read_committed` consumer of Kafka's own Java client sees it.
 *
 * It shares no code with the connector or with the npm client, whose consumer lets records of aborted transactions through.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { KafkaListener } from './kafka.ts';
import { kafkaClassPath } from './kafka-image.ts';
import type { ReadRecord } from './kafka-topics.ts';
import { findJava, findProgram, mavenClassPath } from './maven.ts';
import { cached } from './tool-cache.ts';

const SOURCE = fileURLToPath(new URL('./ReadCommitted.java', import.meta.url));
const TOOLS_VERSION = '4.3.1';

/** The committed records of a topic now, ordered by offset within each partition. An open transaction hides what follows it. */
export async function readCommitted(kafka: KafkaListener, topic: string): Promise<ReadRecord[]> {
  const java = findJava();
  if (java === undefined) throw new Error('reading committed records needs a JDK: apt-get install default-jdk-headless maven');
  const classPath = await kafkaClassPath();
  const classes = await compiled(classPath);
  const jvm = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'];
  const words = [...jvm, '-cp', `${classes}${delimiter}${classPath}`, 'ReadCommitted', kafka.bootstrapServers, topic];
  const reader = spawn(java, words, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000 });
  let errors = '';
  reader.stderr.on('data', (chunk: Buffer) => (errors += chunk));
  const code = new Promise<number | null>((resolve) => reader.once('close', resolve));
  const decode = (text: string | undefined): string | undefined =>
    text === undefined || text === '-' ? undefined : Buffer.from(text, 'base64').toString();
  const found: ReadRecord[] = [];
  for await (const line of createInterface({ input: reader.stdout })) {
    const [partition, offset, timestampMs, key, value] = line.split('\t');
    found.push({
      partition: Number(partition),
      offset: Number(offset),
      timestampMs: Number(timestampMs),
      key: decode(key),
      value: decode(value),
    });
  }
  if ((await code) !== 0) throw new Error(`Kafka's consumer could not read ${topic}: ${errors}`);
  return found;
}

/**
 * The class path of Kafka's command line tools, such as `org.apache.kafka.tools.ProducerPerformance` and
 * `org.apache.kafka.tools.consumer.ConsumerPerformance`. Their newest release is older than the broker's.
 */
export function kafkaToolsClassPath(): Promise<string> {
  return mavenClassPath(`kafka-tools-${TOOLS_VERSION}`, [
    `org.apache.kafka:kafka-tools:${TOOLS_VERSION}`,
    'org.slf4j:slf4j-simple:1.7.36',
  ]);
}

function compiled(classPath: string): Promise<string> {
  const javac = findProgram('javac', process.env.JAVA_HOME ? [`${process.env.JAVA_HOME}/bin`] : []);
  if (javac === undefined) throw new Error('reading committed records needs a JDK: apt-get install default-jdk-headless');
  const hash = createHash('sha256').update(readFileSync(SOURCE)).update(classPath).digest('hex').slice(0, 16);
  return cached(`kafka-reader/${hash}`, (folder) => {
    execFileSync(javac, ['-cp', classPath, '-d', folder, SOURCE], { stdio: ['ignore', 'ignore', 'pipe'] });
  });
}
