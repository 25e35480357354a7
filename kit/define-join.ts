import { defineMap as defineMapPrimitive, defineStream as defineStreamPrimitive } from "../core/function.ts";
import { isId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { definitionError, requireDefinition } from "./definition-error.ts";
import { checkCallback, checkDefinition } from "./definition.ts";
import { durationMs } from "./durations.ts";
import { createJoin } from "./joined-side.ts";
import { createIntake, USER_OUTPUTS } from "./user-function.ts";
import { z } from "zod";
import { unknownOptionsFault } from "./unknown-options.ts";
import type { JoinSide, Reading, Repartitioned } from "../core/derived-records.ts";
import type { CallContext } from "../core/function.ts";
import type { DeviceSelect, FunctionContext, FunctionReading, ResultMetrics } from "./definition.ts";
import type { Duration } from "./durations.ts";
import type { JoinBounds } from "./join-buffer.ts";
import type { Intake, UserFunction } from "./user-function.ts";

/** What a join is keyed by is made of. */
export interface KeyedReading<Metrics> extends FunctionReading<Metrics> {
  /** Of the device. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface JoinSideDefinition<Metrics> {
  /** The metrics that it wants. A reading that does not match passes by. */
  readonly input: z.ZodType<Metrics>;
  readonly select?: DeviceSelect;
  /** Instead of the join's own. */
  key?(reading: KeyedReading<NoInfer<Metrics>>): string | undefined;
}

/** Readings of which side have a result also when no partner comes. */
export type JoinOuter = "left" | "right" | "both";

export interface JoinDefinition<Left, Right, Outer extends JoinOuter | undefined> {
  /** `[a-z][a-z0-9-]{0,62}`. */
  readonly name: string;
  /**
   * What readings of both sides have in common: an id, such as that of a line or a room. Results are readings of the device of this name,
   * whether or not there is one. A reading without one passes by.
   */
  key?(reading: Omit<KeyedReading<unknown>, "metrics">): string | undefined;
  readonly left: JoinSideDefinition<Left>;
  readonly right: JoinSideDefinition<Right>;
  /** A right reading is a partner of a left one when their event times are at most so far apart. */
  readonly within?: Duration;
  /** Instead of `within`: how far before the left one, and how far after it. 0 for not at all. */
  readonly before?: Duration;
  readonly after?: Duration;
  readonly outer?: Outer;
  /** How far behind the watermark a reading still is joined. 0 when absent: results of readings without a partner wait for it. */
  readonly allowedLateness?: Duration;
  /** How much later than its own side's newest reading one may come. 0 when absent. */
  readonly outOfOrder?: Duration;
  /** A side that is silent for so long holds up nothing. A minute when absent. */
  readonly idle?: Duration;
  /** 1 when absent. Raise it with every change of `within`, `before`, `after`: what is kept so far meets nothing any more. */
  readonly stateVersion?: number;
  /** What a pair gives: metrics of the key's device, or nothing. */
  join(
    left: FunctionReading<NoInfer<Left>> | (Outer extends "right" | "both" ? undefined : never),
    right: FunctionReading<NoInfer<Right>> | (Outer extends "left" | "both" ? undefined : never),
    context: FunctionContext,
  ): ResultMetrics | undefined | void;
}

/**
 * Joins readings of different devices that have a key in common and lie near each other in event time: each pair once. FUNCTION_INVALID.
 */
export function defineJoin<Left, Right, Outer extends JoinOuter | undefined = undefined>(
  definition: JoinDefinition<Left, Right, Outer>,
): UserFunction {
  requireDefinition("defineJoin", definition, "name, key, left, right, within, join");
  const bounds = checkJoin(definition);
  const { name, left, right } = definition;
  const counters = { taken: 0, skipped: 0 };
  const sides = {
    left: { intake: createIntake(left.input, left.select), keyOf: keyOf(definition, left), names: namesOf(left.input) },
    right: {
      intake: createIntake(right.input, right.select),
      keyOf: keyOf(definition, right),
      names: namesOf(right.input),
    },
  } as const;
  const sending = defineMapPrimitive<"readings">({
    name,
    version: 0,
    input: "readings",
    outputs: ["repartition"],
    behind: joining(definition, bounds, { left: sides.left.intake, right: sides.right.intake }),
    process(reading, context) {
      const sent = [
        send(name, "left", sides.left, reading, context),
        send(name, "right", sides.right, reading, context),
      ];
      if (sent.includes(true)) counters.taken += 1;
      else counters.skipped += 1;
    },
  });
  const { beforeMs, afterMs, version } = bounds;
  const state = { version, schema: z.object({}), window: { kind: "join", beforeMs, afterMs } };
  const user = {
    definedWith: "defineJoin",
    counters,
    input: z.union([left.input, right.input]),
    select: {},
    state,
    unknownOptions: unknownOptionsFault(definition, "defineJoin", JOIN_OPTIONS),
  } as const;
  return Object.freeze({ ...sending, user });
}

const JOIN_OPTIONS =
  `name key left right within before after outer allowedLateness outOfOrder idle stateVersion join`.split(" ");

interface SendingSide<Metrics> {
  readonly intake: Intake<Metrics>;
  readonly keyOf: (reading: KeyedReading<Metrics>) => string | undefined;
  /** The metrics to send; null for all. */
  readonly names: readonly string[] | null;
}

/** Sends the reading to the partition of its key. False when the side does not want it. */
function send<Metrics>(
  name: string,
  side: JoinSide,
  { intake, keyOf: keyOfReading, names }: SendingSide<Metrics>,
  reading: Reading,
  context: CallContext,
): boolean {
  const taken = intake.take(reading, context);
  if (taken === null) return false;
  const { tenant, device, ts, received } = reading;
  const key = keyOfReading({ ...taken, labels: context.config.deviceLabels(tenant, device).labels });
  if (key === undefined) return false;
  if (!isId(key)) {
    const fault = `its key ${JSON.stringify(key)} of ${device} is no id`;
    throw new TypeError(
      `${name}: ${fault}: return 1–128 characters of A–Z a–z 0–9 _ . : -, or undefined to leave it out`,
    );
  }
  const metrics = names === null ? reading.metrics : pickNamed(reading.metrics, names);
  const sent: Repartitioned = { v: 1, tenant, device, key, function: name, side, ts, received, metrics };
  context.emit("repartition", sent);
  return true;
}

function joining<Left, Right, Outer extends JoinOuter | undefined>(
  definition: JoinDefinition<Left, Right, Outer>,
  bounds: JoinBounds,
  intakes: { readonly left: Intake<Left>; readonly right: Intake<Right> },
) {
  const { name, outOfOrder = 0, idle = LIMITS.idleMsDefault } = definition;
  return defineStreamPrimitive({
    ...createJoin({ fn: name, bounds, intakes, code: definition }),
    name,
    version: 0,
    input: "repartition",
    outputs: USER_OUTPUTS,
    sides: { outOfOrderMs: msOrNone(name, "outOfOrder", outOfOrder), idleMs: msOrNone(name, "idle", idle) },
  });
}

function keyOf<Left, Right, Outer extends JoinOuter | undefined, Metrics>(
  definition: JoinDefinition<Left, Right, Outer>,
  side: JoinSideDefinition<Metrics>,
): (reading: KeyedReading<Metrics>) => string | undefined {
  const own = side.key?.bind(side);
  if (own !== undefined) return own;
  return (reading) => definition.key?.(reading);
}

/** The metrics that an object of plain fields names: the others need not be sent. */
function namesOf(input: z.ZodType): readonly string[] | null {
  return input instanceof z.ZodObject && input.def.catchall === undefined ? Object.keys(input.shape) : null;
}

function pickNamed(metrics: Reading["metrics"], names: readonly string[]): Reading["metrics"] {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = Object.hasOwn(metrics, name) ? metrics[name] : undefined;
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

function msOrNone(fn: string, what: string, duration: Duration): number {
  return duration === 0 ? 0 : durationMs(fn, what, duration);
}

function checkJoin<Left, Right, Outer extends JoinOuter | undefined>(
  definition: JoinDefinition<Left, Right, Outer>,
): JoinBounds {
  const { name, left, right, key, outer, within, allowedLateness = 0, stateVersion: version = 1 } = definition;
  checkCallback(name, "join", definition.join);
  for (const [side, one] of [
    ["left", left],
    ["right", right],
  ] as const) {
    if (typeof one !== "object" || one === null) {
      throw definitionError(name, `${side} is missing`, `write ${side}: { input: z.object({ ... }) }`);
    }
    checkDefinition({ name, input: one.input });
    const own = one.key ?? key;
    if (own === undefined)
      throw definitionError(name, `${side} has no key`, "define key for both, or left.key and right.key");
    checkCallback(name, "key", own);
  }
  if (outer !== undefined && !["left", "right", "both"].includes(outer)) {
    throw definitionError(
      name,
      `outer is ${JSON.stringify(outer)}`,
      'choose "left", "right" or "both", or leave it out',
    );
  }
  if (!Number.isSafeInteger(version) || version < 1) {
    throw definitionError(name, `stateVersion is ${version}`, "count it 1, 2, 3, …");
  }
  const { before = within, after = within } = definition;
  if (before === undefined || after === undefined) {
    throw definitionError(
      name,
      "it does not say how near partners must be",
      'write within: "30s", or before and after',
    );
  }
  const [beforeMs, afterMs] = [msOrNone(name, "before", before), msOrNone(name, "after", after)];
  const latenessMs = msOrNone(name, "allowedLateness", allowedLateness);
  if (Math.max(beforeMs, afterMs, latenessMs) > LIMITS.windowMsMax) {
    throw definitionError(name, "it would keep readings for longer than 31 d", "let partners be nearer");
  }
  const isOuter = (side: JoinSide): boolean => outer === side || outer === "both";
  return { beforeMs, afterMs, latenessMs, version, outer: { left: isOuter("left"), right: isOuter("right") } };
}
