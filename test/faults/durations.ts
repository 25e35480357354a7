/** How long the faults last, ms. */
export interface Durations {
  readonly standstill: number;
  readonly twoBrokersDown: number;
  readonly zombie: number;
  readonly clickhouseDown: number;
  readonly clickhouseHang: number;
}

/** Seconds of a full run. */
export const FULL_SECONDS = 420;
/** Of brokers that do not answer to a group's member: see the properties in cluster.ts. */
const SESSION_MS = 6000;

const FULL: Durations = {
  standstill: 60_000,
  twoBrokersDown: 30_000,
  zombie: 2 * SESSION_MS,
  clickhouseDown: 300_000,
  // Longer than an insert is waited for, so that the sink gives one up.
  clickhouseHang: 70_000,
};

/** What a fault needs to be one: brokers are missed after 9 s, members of a group after a session. */
const LEAST: Durations = {
  standstill: 15_000,
  twoBrokersDown: 12_000,
  zombie: 2 * SESSION_MS,
  clickhouseDown: 10_000,
  clickhouseHang: 5000,
};

export const isFull = (seconds: number): boolean => seconds >= FULL_SECONDS;

/** Shares of the full durations in a run that is shorter. */
export function durationsFor(seconds: number): Durations {
  const share = Math.min(1, seconds / FULL_SECONDS);
  const of = (name: keyof Durations): number => Math.max(LEAST[name], Math.round(FULL[name] * share));
  return {
    standstill: of("standstill"),
    twoBrokersDown: of("twoBrokersDown"),
    zombie: of("zombie"),
    clickhouseDown: of("clickhouseDown"),
    clickhouseHang: of("clickhouseHang"),
  };
}

/** `name 60 s → 15 s` for each that is shorter than in a full run. */
export function shortened(durations: Durations): string[] {
  const names = Object.keys(FULL) as (keyof Durations)[];
  return names
    .filter((name) => durations[name] < FULL[name])
    .map((name) => `${name} ${FULL[name] / 1000} s → ${durations[name] / 1000} s`);
}
