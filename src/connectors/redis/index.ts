/** Redis: lookups and a sink. Needs the package `ioredis`. */
export {};
