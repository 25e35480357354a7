import type { DeviceType } from "../../../core/device-type.ts";

/** So far behind the device's newest reading, a metric is not sent any more, or so seldom that a chart of it is empty. */
const STALE_AFTER_MS = 24 * 3_600_000;

/**
 * True when the device has gone on without the metric, and the shown range begins after its last reading (null: it shows everything). A device
 * that is silent as a whole keeps its charts.
 */
export function isStale(ts: number, newestTs: number | null, shownFrom: number | null): boolean {
  return newestTs !== null && ts < newestTs - STALE_AFTER_MS && shownFrom !== null && ts < shownFrom;
}

/**
 * Splits and orders metric names: those of the type first, in its order, then the rest by name. `names` has one metric per line, with
 * `n` in front of numbers, `o` in front of others and `s` in front of numbers that are stale: a text, so that it only changes when the
 * set does.
 */
export function orderMetrics(
  names: string,
  type: DeviceType | undefined,
): { readonly numeric: readonly string[]; readonly other: readonly string[]; readonly stale: readonly string[] } {
  const rank = rankOf(type);
  const ordered = names
    .split("\n")
    .filter((line) => line !== "")
    .sort((a, b) => compare(rank, a.slice(1), b.slice(1)));
  const of = (mark: string) => ordered.filter((line) => line.startsWith(mark)).map((line) => line.slice(1));
  return { numeric: of("n"), other: of("o"), stale: of("s") };
}

/** The same order for names alone. */
export function orderNames(names: readonly string[], type: DeviceType | undefined): readonly string[] {
  const rank = rankOf(type);
  return [...names].sort((a, b) => compare(rank, a, b));
}

function rankOf(type: DeviceType | undefined): ReadonlyMap<string, number> {
  return new Map(Object.keys(type?.metrics ?? {}).map((name, i) => [name, i]));
}

function compare(rank: ReadonlyMap<string, number>, a: string, b: string): number {
  return (rank.get(a) ?? Infinity) - (rank.get(b) ?? Infinity) || (a < b ? -1 : 1);
}
