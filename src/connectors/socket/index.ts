export { SocketSink, type SocketSinkOptions } from './socket-sink.ts';
export { SocketSource, type SocketSourceOptions, type SocketSplit } from './socket-source.ts';
