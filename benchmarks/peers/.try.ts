import { startKafka } from '../../test/services/kafka.ts';
import { startRedis } from '../../test/services/redis.ts';
import { Broker, Topics } from './yahoo/broker.ts';

const kafka = await startKafka({ own: true });
const redis = await startRedis({ own: true });
console.log('up');
const topics = new Topics(kafka.bootstrapServers);
await topics.create('a', { partitions: 1 });
await topics.deleteAll('a');
console.log('deleted');
await topics.close();
console.log('topics');
await redis.stop();
console.log('redis');
await kafka.stop();
console.log('kafka');
