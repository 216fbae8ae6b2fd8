/**
 * A process that is killed behind a checkpoint: `node crashing-writer.test.ts BOOTSTRAP TOPIC PREFIX` writes, prepares, prints the
 * checkpoint as JSON, writes on without one, says so, and waits for its end.
 */
import process from 'node:process';
import { systemRandom } from '../../../common/index.ts';
import { SinkDriver } from '../../../connector/index.ts';
import { KafkaSink } from './kafka-sink.ts';

const [bootstrapServers, topic, transactionalIdPrefix] = process.argv.slice(2);
if (bootstrapServers !== undefined && topic !== undefined && transactionalIdPrefix !== undefined) {
  const sink = new KafkaSink<string>({
    bootstrapServers,
    topic,
    value: (text) => text,
    deliveryGuarantee: 'EXACTLY_ONCE',
    transactionalIdPrefix,
  });
  const driver = new SinkDriver(sink, { random: systemRandom, checkpointingEnabled: true });
  await driver.start();
  await driver.write(['prepared 1', 'prepared 2', 'prepared 3']);
  console.log(JSON.stringify(await driver.snapshot(1)));
  await driver.write(['behind the checkpoint']);
  await driver.writer.flush(false);
  console.log('written');
  setInterval(() => {}, 60_000);
}
