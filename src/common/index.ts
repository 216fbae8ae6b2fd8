export {
  type Clock,
  type Platform,
  type Random,
  type Scheduler,
  seededRandom,
  systemClock,
  systemPlatform,
  systemRandom,
  systemScheduler,
  type TimerHandle,
} from './clock.ts';
export { type ConfigOption, ConfigOptions, Configuration, nearest } from './configuration.ts';
export {
  ERROR_CODES,
  type ErrorCode,
  type ErrorContext,
  MillraceError,
  type MillraceErrorOptions,
  type SerializedError,
  serializeError,
  toError,
} from './errors.ts';
export { type FormatOptions, formatValue } from './format-value.ts';
export { type JobId, type OperatorId, parseJobId, randomJobId, type VertexId } from './ids.ts';
export { invariant, unreachable } from './invariant.ts';
export { type LogFields, type Logger, type LogLevel, silentLogger, textLogger } from './logging.ts';
export { userFrameOf, userFramesOf } from './user-frame.ts';
