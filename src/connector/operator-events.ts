/** The messages between the readers of a source and its coordinator. Plain data: they may cross processes. */
import type { SourceSplit } from './source.ts';

/** From a reader to its coordinator. */
export type ReaderEvent =
  | { readonly type: 'REGISTER_READER'; readonly subtaskIndex: number }
  | { readonly type: 'REQUEST_SPLIT'; readonly subtaskIndex: number }
  | { readonly type: 'SOURCE_EVENT'; readonly subtaskIndex: number; readonly event: unknown }
  | { readonly type: 'REPORT_WATERMARK'; readonly subtaskIndex: number; readonly group: string; readonly watermark: number };

/** From a coordinator to a reader. */
export type CoordinatorEvent =
  | { readonly type: 'ADD_SPLITS'; readonly splits: readonly SourceSplit[] }
  | { readonly type: 'NO_MORE_SPLITS' }
  | { readonly type: 'SOURCE_EVENT'; readonly event: unknown }
  /** `slowest`: the lowest watermark in the reader's alignment group. */
  | { readonly type: 'ALIGN_WATERMARK'; readonly slowest: number };
