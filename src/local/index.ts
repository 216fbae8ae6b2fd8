export { createLocalHost, type LocalHost, type LocalHostOptions, parseLogLevel, type StartedJob } from './local-host.ts';
