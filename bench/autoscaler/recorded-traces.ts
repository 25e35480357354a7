import { loadBeijing, loadCampusIot, realDataMissing, type RecordedMessage } from "../../test/support/real-data.ts";
import { traceOf, type Trace } from "./trace.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A second of the trace for each minute, or six minutes, of the recording. */
const MINUTE_MS = HOUR_MS / 60;

/** Arrivals as they were recorded, quicker and more of them; empty where there are no recordings. Nothing of them is kept. */
export function recordedTraces(): readonly Trace[] {
  if (realDataMissing() !== null) return [];
  const campus = loadCampusIot();
  const busiest = busiestStretch(campus, 7 * DAY_MS);
  const quiet = busiestStretch(campus, 60 * DAY_MS);
  const air = loadBeijing();
  return [
    recorded("CampusIoT, a week", "the busiest week of five LoRaWAN devices, a minute in a second", campus, {
      ...busiest,
      bucketMs: 10 * MINUTE_MS,
      speed: 60,
    }),
    recorded("CampusIoT, two months", "the busiest sixty days of them, six minutes in a second", campus, {
      ...quiet,
      bucketMs: HOUR_MS,
      speed: 360,
    }),
    recorded("Beijing, a month", "values of twelve stations, with their gaps, six minutes in a second", air, {
      from: Date.UTC(2014, 2, 1),
      to: Date.UTC(2014, 2, 31),
      bucketMs: HOUR_MS,
      speed: 360,
    }),
  ];
}

interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** As many records per second on the mean. */
const MEAN_RATE = 2500;

function recorded(
  name: string,
  what: string,
  messages: readonly RecordedMessage[],
  { from, to, bucketMs, speed }: Stretch & { readonly bucketMs: number; readonly speed: number },
): Trace {
  const counts = new Float64Array(Math.ceil((to - from) / bucketMs));
  for (const { received, values } of messages) {
    const bucket = Math.floor((received - from) / bucketMs);
    if (bucket >= 0 && bucket < counts.length) counts[bucket] = (counts[bucket] ?? 0) + Object.keys(values).length;
  }
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return traceOf({
    name,
    what: `Recorded: ${what}; ${MEAN_RATE} records/s on the mean.`,
    seconds: (to - from) / 1000 / speed,
    initialReplicas: 4,
    arrivals: (at) => ((counts[Math.floor((at * 1000 * speed) / bucketMs)] ?? 0) / mean) * MEAN_RATE,
  });
}

function busiestStretch(messages: readonly RecordedMessage[], lengthMs: number): Stretch {
  const times = messages.map(({ received }) => received).toSorted((a, b) => a - b);
  let [best, most, first] = [times[0] ?? 0, 0, 0];
  times.forEach((time, last) => {
    while ((times[first] ?? time) < time - lengthMs) first += 1;
    if (last - first <= most) return;
    most = last - first;
    best = times[first] ?? time;
  });
  return { from: best, to: best + lengthMs };
}
