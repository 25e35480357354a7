import { between, evenShare, lines, steps, traceOf, type Trace } from "./trace.ts";

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** What the autoscaler has to stand, each for all policies alike. */
export function madeTraces(): readonly Trace[] {
  return [...loads(), ...troubles()];
}

function loads(): readonly Trace[] {
  return [
    traceOf({
      name: "constant",
      what: "3,500 records/s.",
      seconds: HOUR,
      initialReplicas: 8,
      arrivals: () => 3500,
    }),
    traceOf({
      name: "steps",
      what: "500, 3,000, 9,000, 1,500 records/s, ten minutes each.",
      seconds: 40 * MINUTE,
      arrivals: steps([0, 500], [10 * MINUTE, 3000], [20 * MINUTE, 9000], [30 * MINUTE, 1500]),
    }),
    traceOf({
      name: "ramp",
      what: "From 500 to 14,000 records/s in 20 min, and back.",
      seconds: 45 * MINUTE,
      arrivals: lines([0, 500], [20 * MINUTE, 14_000], [40 * MINUTE, 500], [45 * MINUTE, 500]),
    }),
    traceOf({
      name: "day curve",
      what: "24 h, 300 records/s at night, 8,000 in the afternoon.",
      seconds: 24 * HOUR,
      arrivals: (at) =>
        300 +
        7700 *
          Math.max(0, Math.sin((Math.PI * (at - 6 * HOUR)) / (16 * HOUR))) ** 2 *
          (at > 6 * HOUR && at < 22 * HOUR ? 1 : 0),
      stepSeconds: 1,
    }),
    traceOf({
      name: "flash crowd",
      what: "500 records/s, twentyfold for five minutes.",
      seconds: 25 * MINUTE,
      arrivals: steps([0, 500], [5 * MINUTE + 2, 10_000], [10 * MINUTE + 2, 500]),
    }),
  ];
}

function troubles(): readonly Trace[] {
  const hot = between(5 * MINUTE, 20 * MINUTE);
  return [
    traceOf({
      name: "sink outage",
      what: "3,000 records/s; the sink takes nothing for five minutes.",
      seconds: 30 * MINUTE,
      initialReplicas: 8,
      arrivals: () => 3000,
      sink: (at) => (between(10 * MINUTE, 15 * MINUTE)(at) ? 0 : Infinity),
    }),
    traceOf({
      name: "slow sink",
      what: "3,000 records/s; for ten minutes the sink takes 2,000, of however many replicas.",
      seconds: 40 * MINUTE,
      initialReplicas: 8,
      arrivals: () => 3000,
      sink: (at) => (between(10 * MINUTE, 20 * MINUTE)(at) ? 2000 : Infinity),
    }),
    traceOf({
      name: "hot partition",
      what: "3,000 records/s; for 15 min one partition gets half of them, more than a replica can do.",
      seconds: 40 * MINUTE,
      initialReplicas: 8,
      arrivals: () => 3000,
      share: (partition, at) => (partition === 5 && hot(at) ? 32 : evenShare(partition)),
    }),
    traceOf({
      name: "lost metrics",
      what: "Up from 1,000 to 8,000 records/s and back; counters 15 s old, one look in five without any, and none for three minutes.",
      seconds: 40 * MINUTE,
      arrivals: lines([0, 1000], [5 * MINUTE, 1000], [15 * MINUTE, 8000], [25 * MINUTE, 8000], [35 * MINUTE, 1000]),
      isMeasured: (at) => at % 25 >= 5 && !between(12 * MINUTE, 15 * MINUTE)(at),
      delaySeconds: 15,
    }),
    traceOf({
      name: "slow start",
      what: "1,000, then 6,000, then 2,000 records/s; a replica takes 90 s to start.",
      seconds: 40 * MINUTE,
      arrivals: steps([0, 1000], [10 * MINUTE, 6000], [25 * MINUTE, 2000]),
      initialReplicas: 2,
      podStartSeconds: 90,
    }),
    traceOf({
      name: "idle",
      what: "2,000 records/s for three minutes in every half hour, and nothing else.",
      seconds: 2 * HOUR,
      arrivals: (at) => (at % (30 * MINUTE) < 3 * MINUTE ? 2000 : 0),
      initialReplicas: 4,
    }),
  ];
}
