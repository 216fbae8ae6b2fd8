export { MiniCluster, type MiniClusterOptions } from './mini-cluster.ts';
