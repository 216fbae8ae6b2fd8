import { fileSystemContract } from './file-system-contract.test.ts';
import { MemoryFileSystem } from './memory-file-system.ts';

for (const root of ['/data', 'relative/data']) {
  fileSystemContract(`MemoryFileSystem at ${root}`, async () => {
    const fileSystem = new MemoryFileSystem();
    await fileSystem.mkdirs(root);
    return { fileSystem, root, dispose: async () => {} };
  });
}
