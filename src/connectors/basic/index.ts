export { BytesSource, type BytesSourceOptions, type BytesSplit } from './bytes-source.ts';
export { CollectSink, expectNoCollectedValues } from './collect-sink.ts';
export { CollectionSource, type CollectionSplit } from './collection-source.ts';
export { type DataGeneratorOptions, DataGeneratorSource, type GeneratorSplit } from './data-generator-source.ts';
export { DiscardingSink } from './discarding-sink.ts';
export { PrintSink, type PrintSinkOptions } from './print-sink.ts';
export { SequenceSource, type SequenceSplit } from './sequence-source.ts';
export { standardOutput, type TextOutput } from './text-output.ts';
