import { z } from "zod";
import { LIMITS } from "../core/limits.ts";
import { UserCall } from "./user-call.ts";
import type { Aggregate } from "../core/derived-records.ts";
import type { StreamContext } from "../core/function.ts";
import type { Window } from "../engine/windows/window-lanes.ts";
import type { MetricValue } from "../core/schemas.ts";
import type { FunctionContext, ResultMetrics } from "./definition.ts";

/** What of a window is kept beside the author's accumulator. */
const toldSchema = z.object({
  acc: z.unknown(),
  /** stateVersion of the accumulator; absent for 1. */
  v: z.int().exactOptional(),
  /** How many results were told, as revisions of the same window; absent for none. */
  told: z.int().exactOptional(),
  /** The names of the last result's metrics in `aggregates`. */
  names: z.array(z.string()).exactOptional(),
  /** Event time of the reading that was emitted. */
  read: z.number().exactOptional(),
});
export type Told = z.infer<typeof toldSchema>;
export const TOLD_SCHEMA: z.ZodType<Told> = toldSchema;

/** The window that a result is of: [start, end), UTC ms. */
export interface ResultWindow {
  readonly start: number;
  readonly end: number;
  /** 0, then one more each time that the same window has a result again. */
  readonly revision: number;
  /** `early`: more is expected. `close`: event time has come to its end. `late`: a late reading changed it. */
  readonly cause: "early" | "close" | "late";
}

export interface WindowResults<Acc> {
  readonly fn: string;
  /** Stands as `size` in `aggregates`. */
  sizeOf(window: Window): number;
  read(told: Told): Acc;
  result(acc: Acc, window: ResultWindow, context: FunctionContext): ResultMetrics | undefined | void;
}

/**
 * Tells a window's result. Every one goes to `aggregates`, where the greatest revision is the truth; the first that is not early is also
 * a reading at the window's last ms: readings are added up and never taken back, so a window is one of them once.
 */
export function tellResult<Acc, Slot>(
  { fn, sizeOf, read, result }: WindowResults<Acc>,
  told: Told,
  window: Window,
  cause: ResultWindow["cause"],
  context: StreamContext<Slot>,
): Told {
  const revision = told.told ?? 0;
  const call = new UserCall(fn, window.end - 1, context);
  const { start, end } = window;
  const metrics = call.metricsOf(result(read(told), { start, end, revision, cause }, call));
  const before = told.names ?? [];
  if (metrics === null && before.length === 0) return told;
  const names = Object.keys(metrics ?? {}).filter((name) => typeof metrics?.[name] !== "string");
  const head: AggregateHead = { fn, start, size: sizeOf(window), revision };
  for (const name of names) emitAggregate(head, name, numberOf(metrics?.[name]), context);
  for (const name of before) if (!names.includes(name)) emitAggregate(head, name, null, context);
  const isNew = cause !== "early" && metrics !== null && window.end - 1 > (told.read ?? -Infinity);
  if (isNew) call.emitReading(window.end - 1, metrics);
  const kept = { ...told, told: revision + 1, names };
  return isNew ? { ...kept, read: window.end - 1 } : kept;
}

/** Takes the window back: what it held is told as another one's from here on. */
export function withdrawResult<Slot>(
  { fn, sizeOf }: Pick<WindowResults<unknown>, "fn" | "sizeOf">,
  { told = 0, names = [], ...rest }: Told,
  window: Window,
  context: StreamContext<Slot>,
): Told {
  const head: AggregateHead = { fn, start: window.start, size: sizeOf(window), revision: told };
  for (const name of names) emitAggregate(head, name, null, context);
  return rest;
}

interface AggregateHead {
  readonly fn: string;
  readonly start: number;
  readonly size: number;
  readonly revision: number;
}

/** Null: there is none any more. */
function emitAggregate<Slot>(
  { fn, start, size, revision }: AggregateHead,
  name: string,
  value: number | null,
  context: StreamContext<Slot>,
): void {
  const { tenant, device } = context;
  const metric = `${fn}.${name}`;
  if (metric.length > LIMITS.metricNameBytesMax) {
    const fault = `returns the metric ${JSON.stringify(name)}, which with the function's name has ${metric.length} characters`;
    throw new RangeError(`${fn} ${fault}; ${LIMITS.metricNameBytesMax} are allowed: choose a shorter one`);
  }
  const count = value === null ? 0 : 1;
  const v = value ?? 0;
  const statistics = { sum: v, min: v, max: v, mean: v, first: v, last: v };
  const aggregate: Aggregate = { v: 1, tenant, device, metric, start, size, revision, count, ...statistics };
  context.emit("aggregates", aggregate);
}

function numberOf(value: MetricValue | undefined): number {
  return typeof value === "number" ? value : value === true ? 1 : 0;
}
