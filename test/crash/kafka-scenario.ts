/**
 * A job with Kafka at both ends: one topic in, two topics out, exactly once. The broker is killed now and then, too.
 *
 * Who reads the output is Kafka's own Java consumer with `read_committed`.
 */
import { fileURLToPath } from 'node:url';
import { startKafka } from '../services/kafka.ts';
import { readCommitted } from '../services/kafka-reader.ts';
import { createTopic, produce } from '../services/kafka-topics.ts';
import { eventAt } from './events.ts';
import type { CrashScenario } from './scenario.ts';

const EVENTS = 6_000;
const PARTITIONS = 4;
/** The events are of 1970: by age they would be deleted at once. */
const config = { 'retention.ms': '-1' };

/** Starts a broker and fills the topic that all jobs read. */
export async function kafkaScenario(): Promise<CrashScenario> {
  const kafka = await startKafka({ own: true });
  const input = await createTopic(kafka, 'input', { partitions: PARTITIONS, config });
  const events = Array.from({ length: EVENTS }, (_, index) => eventAt(index));
  // By user, so that the order of one user's events is the same in each run.
  await produce(
    kafka,
    input,
    events.map((event) => ({ key: event.user, value: JSON.stringify(event) })),
  );
  const rows = async (topic: string): Promise<string[]> =>
    (await readCommitted(kafka, topic)).map(({ key, value }) => `${key} ${value}`).sort();
  return {
    job: fileURLToPath(new URL('kafka-job.ts', import.meta.url)),
    events: EVENTS,
    eventsPerSecond: 3_000,
    async place(name) {
      const counts = await createTopic(kafka, `counts-${name}`, { partitions: 3, config });
      const perKind = await createTopic(kafka, `per-kind-${name}`, { config });
      return {
        words: [kafka.bootstrapServers, input, counts, perKind],
        rows: async () => ({ counts: await rows(counts), 'per-kind': await rows(perKind) }),
      };
    },
    async killService(downMs) {
      await kafka.kill();
      await new Promise((resolve) => setTimeout(resolve, downMs));
      await kafka.start();
    },
    stop: () => kafka.stop(),
  };
}
