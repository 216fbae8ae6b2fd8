/**
 * Three questions to one stream of departures, which arrives out of order: how many departures an airport has in an hour, which
 * delays were the worst of a carrier's day, and how long delays at an airport go on.
 *
 * Departures up to six hours behind the newest one are waited for. Later ones go to a side output of the window that they miss.
 */
import { join } from 'node:path';
import {
  type DataStream,
  EventTimeSessionWindows,
  OutputTag,
  type StreamExecutionEnvironment,
  TumblingEventTimeWindows,
  type TypeOf,
  Types,
  WatermarkStrategy,
} from 'millrace';
import { FileSink, FileSource } from 'millrace/files';
import { csvFormat, jsonFormat } from 'millrace/formats';
import { forEventTimeProgress } from '../event-time-progress.ts';
import { type Named, NameJoin } from './name-join.ts';
import { firstInOrder } from './worst.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const MAX_DISORDER_MS = 6 * HOUR_MS;
const SESSION_GAP_MS = HOUR_MS;
const DELAYED_MIN = 15;
const WORST = 3;

const FLIGHT = Types.OBJECT({
  departed_at: Types.OPTIONAL(Types.TIMESTAMP),
  carrier: Types.STRING,
  flight: Types.INT,
  origin: Types.STRING,
  destination: Types.STRING,
  departure_delay_min: Types.OPTIONAL(Types.INT),
});
type Flight = TypeOf<typeof FLIGHT>;
type Departure = Required<Flight>;

const HOURLY = Types.OBJECT({ hour: Types.STRING, airport: Types.STRING, name: Types.STRING, departures: Types.INT });
const WORST_DELAY = Types.OBJECT({
  day: Types.STRING,
  carrier: Types.STRING,
  airline: Types.STRING,
  rank: Types.INT,
  flight: Types.INT,
  origin: Types.STRING,
  destination: Types.STRING,
  delay_min: Types.INT,
});
const DELAY_SESSION = Types.OBJECT({
  airport: Types.STRING,
  name: Types.STRING,
  first_departure: Types.STRING,
  last_departure: Types.STRING,
  flights: Types.INT,
  worst_delay_min: Types.INT,
});

/** Adds the job to `env`. Each result, and what was late for it, is a folder of part files in `outputPath`. */
export function flights(env: StreamExecutionEnvironment, dataPath: string, outputPath: string): void {
  const departures = env
    .fromSource(
      FileSource.forFormat(csvFormat({ schema: FLIGHT }), join(dataPath, 'flights-2013-q1.csv.gz')),
      WatermarkStrategy.noWatermarks<Flight>(),
      'Flights',
    )
    .filter((flight): flight is Departure => flight.departed_at !== undefined) // not canceled
    .assignTimestampsAndWatermarks(
      forEventTimeProgress<Departure>(MAX_DISORDER_MS, 1).withTimestampAssigner((flight) => flight.departed_at),
    );

  const airports = names(env, join(dataPath, 'airports.csv'), 'faa');
  const airlines = names(env, join(dataPath, 'airlines.csv'), 'carrier');

  departuresPerHour(departures, airports, outputPath);
  worstDelays(departures, airports, airlines, outputPath);
  delaySessions(departures, airports, outputPath);
}

function departuresPerHour(departures: DataStream<Departure>, airports: DataStream<Named>, outputPath: string): void {
  const late = new OutputTag<Departure>('late for departures per hour');
  const counted = departures
    .keyBy((flight) => flight.origin)
    .window(TumblingEventTimeWindows.of(HOUR_MS))
    .sideOutputLateData(late)
    .aggregate(
      { createAccumulator: () => 0, add: (_, count) => count + 1, merge: (a, b) => a + b, getResult: (count) => count },
      (airport, { window }, [count]) => [{ hour: isoMinute(window.start), airport, departures: count }],
    );

  counted
    .keyBy((row) => row.airport)
    .connect(airports.keyBy((airport) => airport.code))
    .process(new NameJoin((row, name) => ({ ...row, name })))
    .sinkTo(FileSink.forFormat(join(outputPath, 'departures-per-hour'), csvFormat({ schema: HOURLY })));
  sinkLate(counted.getSideOutput(late), join(outputPath, 'departures-per-hour-late'));
}

function worstDelays(
  departures: DataStream<Departure>,
  airports: DataStream<Named>,
  airlines: DataStream<Named>,
  outputPath: string,
): void {
  const late = new OutputTag<Departure>('late for worst delays');
  const worst = departures
    .filter((flight) => flight.departure_delay_min > 0)
    .keyBy((flight) => flight.carrier)
    .window(TumblingEventTimeWindows.of(DAY_MS))
    .sideOutputLateData(late)
    .aggregate(firstInOrder(WORST, byDelay), (carrier, { window }, [ranked]) => {
      const day = isoMinute(window.start).slice(0, 10);
      return ranked.map(({ flight, origin, destination, departure_delay_min }, index) => {
        return { day, carrier, rank: index + 1, flight, origin, destination, delay_min: departure_delay_min };
      });
    });

  worst
    .keyBy((row) => row.carrier)
    .connect(airlines.keyBy((airline) => airline.code))
    .process(new NameJoin((row, airline) => ({ ...row, airline })))
    .keyBy((row) => row.destination)
    .connect(airports.keyBy((airport) => airport.code))
    .process(new NameJoin((row, destination) => ({ ...row, destination })))
    .sinkTo(FileSink.forFormat(join(outputPath, 'worst-delays'), csvFormat({ schema: WORST_DELAY })));
  sinkLate(worst.getSideOutput(late), join(outputPath, 'worst-delays-late'));
}

/** The worst first; of equals the earlier, then the smaller number: there are no two places for one flight. */
function byDelay(a: Departure, b: Departure): number {
  return (
    b.departure_delay_min - a.departure_delay_min ||
    a.departed_at - b.departed_at ||
    a.flight - b.flight ||
    (a.origin < b.origin ? -1 : 1)
  );
}

function delaySessions(departures: DataStream<Departure>, airports: DataStream<Named>, outputPath: string): void {
  const late = new OutputTag<Departure>('late for delay sessions');
  const sessions = departures
    .filter((flight) => flight.departure_delay_min > DELAYED_MIN)
    .keyBy((flight) => flight.origin)
    .window(EventTimeSessionWindows.withGap(SESSION_GAP_MS))
    .sideOutputLateData(late)
    .aggregate(
      {
        createAccumulator: () => ({ flights: 0, worst_delay_min: 0 }),
        add: ({ departure_delay_min }: Departure, { flights, worst_delay_min }) => ({
          flights: flights + 1,
          worst_delay_min: Math.max(worst_delay_min, departure_delay_min),
        }),
        merge: (a, b) => ({ flights: a.flights + b.flights, worst_delay_min: Math.max(a.worst_delay_min, b.worst_delay_min) }),
        getResult: (session) => session,
      },
      (airport, { window }, [session]) => {
        const first_departure = isoMinute(window.start);
        const last_departure = isoMinute(window.end - SESSION_GAP_MS);
        return [{ airport, first_departure, last_departure, ...session }];
      },
    );

  sessions
    .keyBy((row) => row.airport)
    .connect(airports.keyBy((airport) => airport.code))
    .process(new NameJoin((row, name) => ({ ...row, name })))
    .sinkTo(FileSink.forFormat(join(outputPath, 'delay-sessions'), csvFormat({ schema: DELAY_SESSION })));
  sinkLate(sessions.getSideOutput(late), join(outputPath, 'delay-sessions-late'));
}

function sinkLate(late: DataStream<Departure>, folder: string): void {
  late.sinkTo(FileSink.forFormat(folder, jsonFormat<Departure>()));
}

function names(env: StreamExecutionEnvironment, path: string, codeColumn: string): DataStream<Named> {
  const schema = Types.OBJECT({ [codeColumn]: Types.STRING, name: Types.STRING });
  return env
    .fromSource(
      FileSource.forFormat(csvFormat({ schema }), path),
      WatermarkStrategy.noWatermarks<any>(),
      `Names by ${codeColumn}`,
    )
    .map((row) => ({ code: row[codeColumn], name: row.name }));
}

/** As `2013-01-31T23:59Z`. */
function isoMinute(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 16)}Z`;
}
