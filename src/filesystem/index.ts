/** Everything but the local disk, and therefore free of `node:` modules; `node.ts` beside it is the door to the disk. */
export { DurableFolders } from './durable-folders.ts';
export {
  type FileFailureReason,
  type FileReader,
  type FileStatus,
  type FileSystem,
  type FileWriter,
  fileSystemError,
  isNotFound,
} from './file-system.ts';
export { expandPath, isHidden } from './glob.ts';
export { MemoryFileSystem } from './memory-file-system.ts';
export { baseName, joinPath, parentPath } from './path.ts';
export { readFile, writeFile } from './whole-files.ts';
