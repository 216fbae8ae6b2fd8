/**
 * Where file connectors get the local disk and its codecs from unless they are given others: loaded when the first file is
 * touched, so that importing a connector needs no Node and costs nothing.
 */
import type { FileSystem } from '../../filesystem/index.ts';
import type { Compression } from './compression.ts';

export async function loadLocalFileSystem(): Promise<FileSystem> {
  const { LocalFileSystem } = await import('../../filesystem/node.ts');
  return new LocalFileSystem();
}

export async function loadNodeCompressions(): Promise<readonly Compression[]> {
  const { nodeCompressions } = await import('./node-compression.ts');
  return nodeCompressions;
}
