/**
 * Payments into accounts, booked one by one: each booking has its number within the account and the balance after it. Both come
 * from keyed state, so a payment that is lost or counted twice shows in every later booking of its account.
 */
import {
  type Collector,
  DataGeneratorSource,
  type KeyedProcessFunction,
  type RuntimeContext,
  type StreamExecutionEnvironment,
  type TypeOf,
  Types,
  type ValueState,
  ValueStateDescriptor,
  WatermarkStrategy,
} from 'millrace';
import { FileSink } from 'millrace/files';
import { jsonFormat } from 'millrace/formats';

const ACCOUNTS = 1_000;

export interface Payment {
  readonly id: number;
  readonly account: string;
  readonly cents: number;
}

const BOOKING = Types.OBJECT({
  payment: Types.LONG,
  account: Types.STRING,
  number: Types.LONG,
  balance: Types.LONG,
});
export type Booking = TypeOf<typeof BOOKING>;

/** The same payment for the same number, always: a source that can be read again from any position. */
export function paymentAt(id: number): Payment {
  const mixed = Math.imul(id + 1, 0x9e3779b1) >>> 0;
  return { id, account: `account-${mixed % ACCOUNTS}`, cents: (mixed >>> 10) % 10_000 };
}

class Book implements KeyedProcessFunction<string, Payment, Booking> {
  private last!: ValueState<Pick<Booking, 'number' | 'balance'>>;

  open(context: RuntimeContext): void {
    this.last = context.getState(new ValueStateDescriptor('last'));
  }

  processElement({ id, account, cents }: Payment, _context: unknown, out: Collector<Booking>): void {
    const { number, balance } = this.last.value() ?? { number: 0, balance: 0 };
    const now = { number: number + 1, balance: balance + cents };
    this.last.update(now);
    out.collect({ payment: id, account, ...now });
  }
}

export interface BookingsOptions {
  readonly payments: number;
  readonly perSecond: number;
  /** The folder for the part files, JSON lines of {@link Booking}. */
  readonly outputPath: string;
}

/** Adds the job to `env`. The uids tie the state in a checkpoint to its operators, also when the program has changed. */
export function bookings(env: StreamExecutionEnvironment, { payments, perSecond, outputPath }: BookingsOptions): void {
  const source = new DataGeneratorSource(paymentAt, payments, { ratePerSecond: perSecond });
  env
    .fromSource(source, WatermarkStrategy.noWatermarks<Payment>(), 'Payments')
    .uid('payments')
    .keyBy(({ account }) => account)
    .process(new Book())
    .name('Book')
    .uid('book')
    .sinkTo(FileSink.forFormat(outputPath, jsonFormat({ schema: BOOKING })))
    .uid('files');
}
