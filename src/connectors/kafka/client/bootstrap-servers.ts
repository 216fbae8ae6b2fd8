/** Reads `host:port,host:port`, with IPv6 addresses in brackets. */
import { MillraceError } from '../../../common/index.ts';
import type { Endpoint } from './broker-connections.ts';

/** @throws MillraceError `INVALID_OPTION` */
export function parseBootstrapServers(servers: string | readonly string[]): readonly Endpoint[] {
  const list = typeof servers === 'string' ? servers.split(',') : servers;
  const endpoints = list.map((text) => {
    const match = /^\s*(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]+)):(\d{1,5})\s*$/.exec(text);
    const host = match?.[1] ?? match?.[2];
    const port = Number(match?.[3]);
    if (host === undefined || !(port >= 1 && port <= 65_535)) {
      throw new MillraceError(
        'INVALID_OPTION',
        `Kafka: bootstrapServers wants host:port, or several with commas between; "${text}" is neither.`,
        {
          context: { option: 'bootstrapServers', value: text },
        },
      );
    }
    return { host, port };
  });
  if (endpoints.length > 0) return endpoints;
  throw new MillraceError('INVALID_OPTION', 'Kafka: bootstrapServers names no broker.', {
    context: { option: 'bootstrapServers' },
  });
}
