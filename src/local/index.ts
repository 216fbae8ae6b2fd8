export { createLocalHost, type LocalHost, type LocalHostOptions, parseLogLevel, type StartedJob } from './local-host.ts';
export { ALL_LOCAL_OPTIONS } from './local-options.ts';
export { ownModule } from './package-modules.ts';
export { provideBundle } from './program-source.ts';
