import { compilePick, NO_MATCH } from "./shape.ts";
import type { z } from "zod";
import type { Reading } from "../core/derived-records.ts";
import type { CallContext, StageFunction } from "../core/function.ts";
import type { OutputTopic } from "../core/topics.ts";
import type { MillraceError } from "../core/errors.ts";
import type { DeviceSelect, FunctionReading } from "./definition.ts";

/** Of this thread since the function was loaded, not of the log: readings seen again in a replay count again. */
export interface FunctionCounters {
  /** Readings that the function was run on. */
  taken: number;
  /** Readings that passed by, because they do not match `input` or are of a device that `select` does not mean. */
  skipped: number;
}

/** What the host may know of a user's function beyond the primitive. */
export interface UserFunctionDetails {
  /** As the author called it. */
  readonly definedWith: "defineMap" | "defineStream" | "defineBatch" | "defineJoin";
  readonly counters: Readonly<FunctionCounters>;
  readonly input: z.ZodType;
  readonly select: DeviceSelect;
  /** What it keeps for each device; null of a function without state. */
  readonly state: KeptDetails | null;
  /** Of the definition: what `requireKnownOptions` refuses it with. Null when there is nothing. */
  readonly unknownOptions: MillraceError | null;
}

/** Of what a function keeps, that which must not change from version to version unless `version` does. */
export interface KeptDetails {
  readonly version: number;
  readonly schema: z.ZodType;
  /** As JSON, of a function with windows. */
  readonly window?: object;
}

/** A user's function, compiled to a primitive of the engine. The loader replaces `version`: `{ ...fn, version }`. */
export type UserFunction = StageFunction & { readonly user: UserFunctionDetails };

/** Null for a stock function. */
export function userDetailsOf(fn: StageFunction | UserFunction): UserFunctionDetails | null {
  return "user" in fn ? fn.user : null;
}

export const USER_OUTPUTS: readonly OutputTopic[] = ["readings", "device-events"];

/** Lets pass what a function wants, and counts. */
export interface Intake<Metrics> {
  readonly counters: FunctionCounters;
  /** Null when the reading passes by. */
  take(reading: Reading, context: CallContext): FunctionReading<Metrics> | null;
  /** What the input makes of metrics; null when they do not match. */
  parse(metrics: unknown): Metrics | null;
}

export function createIntake<Metrics>(input: z.ZodType<Metrics>, select: DeviceSelect = {}): Intake<Metrics> {
  const parse = compilePick(input);
  const counters: FunctionCounters = { taken: 0, skipped: 0 };
  const selectsAll = select.type === undefined && select.labels === undefined;
  return {
    counters,
    parse(all) {
      const metrics = parse(all);
      return metrics === NO_MATCH ? null : metrics;
    },
    take({ tenant, device, ts, received, metrics: all }, context) {
      const metrics = selectsAll || isSelected(select, context) ? parse(all) : NO_MATCH;
      if (metrics === NO_MATCH) {
        counters.skipped += 1;
        return null;
      }
      counters.taken += 1;
      return { tenant, device, ts, received, metrics };
    },
  };
}

function isSelected(select: DeviceSelect, { config, tenant, device }: CallContext): boolean {
  const known = config.deviceLabels(tenant, device);
  if (select.type !== undefined && select.type !== known.type) return false;
  return Object.entries(select.labels ?? {}).every(([name, value]) => {
    return Object.hasOwn(known.labels, name) && known.labels[name] === value;
  });
}
