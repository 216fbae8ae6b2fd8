// First: KeyedStream extends DataStream, which makes KeyedStreams. Of two modules in a cycle, the one that is entered
// first is evaluated last.
import './keyed-stream.ts';

export { DataStream, DataStreamSink, DataStreamSource, SingleOutputStreamOperator } from './data-stream.ts';
export { ExecutionOptions } from './execution-options.ts';
export { KeyedStream } from './keyed-stream.ts';
export { installedHost, installHost, type ProgramHost, type SocketTextOptions, type TextOutput } from './program-host.ts';
export { StreamExecutionEnvironment } from './stream-execution-environment.ts';
