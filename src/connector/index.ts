export {
  ChunkDecoder,
  type ChunkDecoderOptions,
  type DecodePosition,
  type MalformedPolicy,
  malformedRecordError,
  START_POSITION,
} from './chunk-decoder.ts';
export { type ContractCase, expect, expectSame } from './contract-case.ts';
export type {
  ByteSink,
  DecoderContext,
  DecodingFormat,
  EncodingFormat,
  MalformedHandler,
  MalformedRecord,
  StreamDecoder,
} from './format.ts';
export { GrowingByteSink } from './growing-byte-sink.ts';
export type { MessageBlock, MessageDecoder, MessageDecoderContext, MessageDecodingFormat } from './message-format.ts';
export type { CoordinatorEvent, ReaderEvent } from './operator-events.ts';
export { OutputTag } from './output-tag.ts';
export type {
  Committer,
  CommittingSinkWriter,
  DeliveryGuarantee,
  Sink,
  SinkInitContext,
  SinkWriter,
  SinkWriterContext,
} from './sink.ts';
export { type SinkContractOptions, type SinkUnderTest, sinkContract } from './sink-contract.ts';
export { SinkDriver, type SinkDriverOptions, type SinkSnapshot } from './sink-driver.ts';
export {
  type Boundedness,
  type InputStatus,
  NO_TIMESTAMP,
  RecordBatch,
  type Source,
  type SourceReader,
  type SourceReaderContext,
  type SourceReaderMetrics,
  type SourceSplit,
  type SplitEnumerator,
  type SplitEnumeratorContext,
} from './source.ts';
export { type SourceContractOptions, sourceContract } from './source-contract.ts';
export { type PolledBatch, SourceDriver, type SourceDriverOptions, type SourceSnapshot } from './source-driver.ts';
export { StaticSplitEnumerator } from './static-split-enumerator.ts';
