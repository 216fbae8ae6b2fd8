// First: KeyedStream extends DataStream, which makes KeyedStreams. Of two modules in a cycle, the one that is entered
// first is evaluated last.
import './keyed-stream.ts';

export { AllWindowedStream } from './all-windowed-stream.ts';
export { AsyncDataStream, type AsyncWaitStreamOptions } from './async-data-stream.ts';
export { BroadcastConnectedStream, BroadcastStream, KeyedBroadcastConnectedStream } from './broadcast-stream.ts';
export { CoGroupEqualTo, CoGroupedStreams, CoGroupWhere, CoGroupWithWindow, type TaggedUnion } from './co-grouped-streams.ts';
export { ConnectedStreams, KeyedConnectedStreams } from './connected-streams.ts';
export { DataStream, DataStreamSink, DataStreamSource, SingleOutputStreamOperator } from './data-stream.ts';
export { ExecutionOptions } from './execution-options.ts';
export { IntervalJoin, IntervalJoined } from './interval-join.ts';
export { JoinEqualTo, JoinedStreams, JoinWhere, JoinWithWindow } from './joined-streams.ts';
export { KeyedStream } from './keyed-stream.ts';
export { installedHost, installHost, type ProgramHost, type SocketTextOptions, type TextOutput } from './program-host.ts';
export { StreamExecutionEnvironment } from './stream-execution-environment.ts';
export { WindowedStream } from './windowed-stream.ts';
