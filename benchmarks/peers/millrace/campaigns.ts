/** The campaign of each ad, loaded from Redis once at the start. */
import { Redis } from 'ioredis';

/** @param address host:port */
export async function loadCampaigns(address: string): Promise<ReadonlyMap<string, string>> {
  const [host = '', port = ''] = address.split(':');
  const redis = new Redis(Number(port), host);
  const ads = await redis.keys('*-*');
  const campaigns = await redis.mget(...ads);
  await redis.quit();
  return new Map(ads.map((ad, i) => [ad, campaigns[i] ?? '']));
}
