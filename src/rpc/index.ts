export type { GatewayMethods, GatewayType, MethodKind } from './gateway-type.ts';
export { createMemoryTransports } from './memory-transport.ts';
export type { MessageTransport } from './message-transport.ts';
export { type MessagePortLike, portTransport } from './port-transport.ts';
export { RpcConnection, type RpcConnectionOptions } from './rpc-connection.ts';
