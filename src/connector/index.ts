export type {
  ByteSink,
  DecoderContext,
  DecodingFormat,
  EncodingFormat,
  MalformedHandler,
  MalformedRecord,
  StreamDecoder,
} from './format.ts';
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
