/** The records of the jobs under test. `t` is the event time of the record, too. */
export interface Item {
  /** Key. */
  readonly k: number;
  readonly v: number;
  readonly t: number;
}
