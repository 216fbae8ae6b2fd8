export { DataStream, DataStreamSink, DataStreamSource, SingleOutputStreamOperator } from './data-stream.ts';
export { ExecutionOptions } from './execution-options.ts';
export { KeyedStream } from './keyed-stream.ts';
export { installedHost, installHost, type ProgramHost, type SocketTextOptions, type TextOutput } from './program-host.ts';
export { StreamExecutionEnvironment } from './stream-execution-environment.ts';
