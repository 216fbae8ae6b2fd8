export { type FileReader, type FileStatus, type FileSystem, type FileWriter, MemoryFileSystem } from '../../filesystem/index.ts';
export {
  type BucketAssigner,
  type BucketContext,
  type DateTimeBucketOptions,
  dateTimeBucketAssigner,
} from './bucket-assigner.ts';
export type { Compression } from './compression.ts';
export { FileSink } from './file-sink.ts';
export { FileSource } from './file-source.ts';
export type { FileSourceCheckpoint } from './file-source-enumerator.ts';
export type { FileSourceSplit } from './file-source-split.ts';
export type { FileSinkCommittable } from './part-file.ts';
export type { RollingPolicy } from './rolling-policy.ts';
