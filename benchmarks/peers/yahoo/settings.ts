/** What the generator, the contestants and the check agree on. The names of the campaigns and ads follow from the seed. */

/** Yahoo's benchmark: 100 campaigns of 10 ads, windows of 10 s. */
export const CAMPAIGNS = 100;
export const ADS_PER_CAMPAIGN = 10;
export const WINDOW_MS = 10_000;

/** The events' topic has two partitions, and every contestant two threads. */
export const PARTITIONS = 2;
