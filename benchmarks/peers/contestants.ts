/** Who takes part in Yahoo's benchmark, and with which settings. The README says why they are fair. */
import { join } from 'node:path';
import process from 'node:process';
import type { Contestant } from './contestant.ts';
import { type JavaProgram, javaProgram, millracePackage, pythonEnvironment } from './install.ts';

const HERE = import.meta.dirname;

/** Modules that Flink and Spark open with their own start scripts. */
const OPENED = [
  'java.lang',
  'java.lang.invoke',
  'java.lang.reflect',
  'java.io',
  'java.net',
  'java.nio',
  'java.util',
  'java.util.concurrent',
  'java.util.concurrent.atomic',
  'sun.nio.ch',
  'sun.nio.cs',
  'sun.security.action',
  'sun.util.calendar',
].map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`);

function javaContestant(name: string, about: string, options: readonly string[] = []): Contestant {
  let program: JavaProgram | undefined;
  return {
    name,
    about,
    async prepare() {
      program ??= await javaProgram(name);
    },
    command({ heapMb }) {
      if (program === undefined) throw new Error(`${name} was not prepared`);
      const log = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';
      return [program.java, `-Xmx${heapMb}m`, log, ...options, '-cp', program.classPath, 'peers.YahooJob'];
    },
  };
}

function pythonContestant(name: string, about: string, requirements: readonly string[]): Contestant {
  let python = '';
  return {
    name,
    about,
    async prepare() {
      python ||= await pythonEnvironment(requirements);
    },
    command: () => [python, join(HERE, 'python', `${name}_yahoo.py`)],
    env: { PYTHONDONTWRITEBYTECODE: '1', PATHWAY_THREADS: '2', PATHWAY_MONITOR_SERVER: '' },
  };
}

let millraceProgram = '';
const millrace: Contestant = {
  name: 'millrace',
  about: 'this repository, built as it is published',
  async prepare() {
    millraceProgram ||= join(millracePackage(join(HERE, 'millrace')), 'yahoo.ts');
  },
  command: ({ heapMb }) => [process.execPath, `--max-old-space-size=${heapMb}`, millraceProgram],
};

const node: Contestant = {
  name: 'node',
  about:
    'a loop by hand over @platformatic/kafka, JSON.parse per record, a thread for each partition; nothing is kept for a failure',
  async prepare() {},
  command: ({ heapMb }) => [process.execPath, `--max-old-space-size=${heapMb}`, join(HERE, 'node', 'yahoo.ts')],
};

export const CONTESTANTS: readonly Contestant[] = [
  millrace,
  javaContestant('flink', 'Apache Flink 2.3.0, DataStream API in Java, local cluster in one process', OPENED),
  javaContestant('kafka-streams', 'Kafka Streams 4.3.1, state in memory with changelog, counts written as they change'),
  javaContestant('spark', 'Spark Structured Streaming 4.2.0, local mode, micro-batches, append mode', [
    ...OPENED,
    '-Dspark.log.level=WARN',
  ]),
  node,
  pythonContestant('bytewax', 'Bytewax 0.21.1, one process with two workers', [
    'bytewax==0.21.1',
    'confluent-kafka==2.12.2',
    'orjson==3.13.0',
    'redis==8.1.0',
  ]),
  pythonContestant('quix', 'Quix Streams 3.28.1, two processes, state in RocksDB with changelog, counts written as they change', [
    'quixstreams==3.28.1',
    'orjson==3.13.0',
    'redis==8.1.0',
  ]),
  pythonContestant('pathway', 'Pathway 0.33.0, two threads, counts written as they change', [
    'pathway==0.33.0',
    'confluent-kafka==2.12.2',
    'redis==8.1.0',
  ]),
];
