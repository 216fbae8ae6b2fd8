/** Starts a service for playing with it (`npm run services -- kafka`), until Ctrl-C. Its data are gone afterwards. */
import { startEtcd } from './etcd.ts';
import { startKafka } from './kafka.ts';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

const STARTERS = {
  kafka: () => startKafka({ own: true }),
  redis: () => startRedis({ own: true }),
  etcd: () => startEtcd({ own: true }),
  postgres: () => startPostgres({ own: true }),
};

const name = process.argv[2] ?? '';
if (!Object.hasOwn(STARTERS, name)) throw new Error(`say which service: ${Object.keys(STARTERS).join(', ')}`);
const service = await STARTERS[name as keyof typeof STARTERS]();
console.log(`${name} is at ${service.address}; Ctrl-C ends it`);
const untilEnd = setInterval(() => {}, 60_000);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    clearInterval(untilEnd);
    void service.stop();
  });
}
