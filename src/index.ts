/**
 * The door of the package, and the composition root of a program that runs in its own process: importing it installs a
 * host of one thread.
 */
import process from 'node:process';
import { installHost, type TextOutput } from './api/index.ts';
import { JobClient } from './client/index.ts';
import { systemPlatform, textLogger } from './common/index.ts';
import { MiniCluster } from './minicluster/index.ts';

/** Writes to a stream of the process, and waits for it when it is full. */
function streamOutput(stream: NodeJS.WriteStream): TextOutput {
  return {
    write: (text) => (stream.write(text) ? undefined : new Promise((resolve) => stream.once('drain', () => resolve()))),
  };
}

const logger = textLogger((line) => void process.stderr.write(`${line}\n`));

installHost({
  random: systemPlatform.random,
  stdout: streamOutput(process.stdout),
  stderr: streamOutput(process.stderr),
  async execute(submission, program) {
    const cluster = new MiniCluster({ logger });
    const jobId = await cluster.submit(submission, program);
    return new JobClient(jobId, cluster.dispatcher);
  },
});

export { DataStream, DataStreamSink, DataStreamSource, KeyedStream, SingleOutputStreamOperator, StreamExecutionEnvironment } from './api/index.ts';
