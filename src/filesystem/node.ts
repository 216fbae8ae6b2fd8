/** The door to the local disk: apart from `index.ts`, so that importing that one needs no Node. */
export { LocalFileSystem } from './local-file-system.ts';
