/** The door to the local disk: apart from `index.ts`, so that importing that one needs no Node. */
export { NodeSpillStorage } from './node-spill-storage.ts';
