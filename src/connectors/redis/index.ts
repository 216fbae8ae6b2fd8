/** Redis: lookups and a sink. Needs the package `ioredis`. */
export type { LookupCacheOptions } from './lookup-cache.ts';
export type { RedisCommand } from './redis-command.ts';
export { RedisLookup, type RedisLookupOptions } from './redis-lookup.ts';
export type { RedisConnectionOptions, RedisTlsOptions } from './redis-options.ts';
export { RedisSink, type RedisSinkOptions } from './redis-sink.ts';
export type { SecretReference } from './secret.ts';
