import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { addPartitions, createTopic, deleteTopic, produce } from '../../../../test/services/kafka-topics.ts';
import { type KafkaService, startKafka } from '../../../../test/services/kafka.ts';
import { SourceDriver, sourceContract } from '../../../connector/index.ts';
import { textLineFormat } from '../../../formats/index.ts';
import { KafkaSource, type KafkaSourceOptions, OffsetsInitializer } from './index.ts';

describe('a Kafka source', () => {
  let kafka: KafkaService;
  before(async () => {
    kafka = await startKafka();
  });
  after(() => kafka.stop());

  const text = (topics: KafkaSourceOptions['topics'], options: Partial<KafkaSourceOptions> = {}): KafkaSource<string> =>
    KafkaSource.forValues(textLineFormat(), { bootstrapServers: kafka.bootstrapServers, topics, ...options });

  test('reads what is in a topic', async () => {
    const topic = await createTopic(kafka, 'smoke');
    await produce(kafka, topic, [{ value: 'a' }, { value: 'b' }]);
    const driver = new SourceDriver(text(topic, { bounded: OffsetsInitializer.latest() }));
    await driver.start();
    assert.deepEqual(await driver.readAll(), ['a', 'b']);
    await driver.close();
  });

  describe('by the contract of sources', () => {
    const values = Array.from({ length: 60 }, (_, i) => `v${i}`);
    let topic: string;
    before(async () => {
      topic = await createTopic(kafka, 'contract');
      await produce(kafka, topic, values.map((value) => ({ value })));
    });
    const cases = sourceContract<string, never, never>({
      create: () => text(topic, { bounded: OffsetsInitializer.latest(), fetchMaxWaitMs: 20 }) as never,
      expected: values,
      maxBoundaries: 8,
    });
    for (const { fact, check } of cases) test(fact, check);
  });
});
