import { z } from "zod";
import type { AlarmCondition, AlarmRule } from "../core/alarm-rule.ts";

/**
 * One alarm rule on one device, as a pure state machine in event time. No state means normal. `since` is when the condition began to
 * hold; it names the alarm, so no two alarms of a rule may share it: `idle` keeps the next one apart where they could.
 */
export const alarmStateSchema = z.discriminatedUnion("phase", [
  z.object({ phase: z.literal("idle"), notBefore: z.number() }),
  z.object({ phase: z.literal("pending"), since: z.number(), value: z.number().nullable() }),
  z.object({ phase: z.literal("active"), since: z.number(), raised: z.number() }),
  z.object({
    phase: z.literal("clearing"),
    since: z.number(),
    raised: z.number(),
    gone: z.number(),
    value: z.number().nullable(),
  }),
]);
export type AlarmState = z.infer<typeof alarmStateSchema>;

export interface AlarmTransition {
  readonly kind: "raised" | "cleared";
  /** Event time of the transition. */
  readonly ts: number;
  readonly since: number;
  /** The value that decided: the newest one when it was raised, the one that ended the condition when it was cleared. */
  readonly value: number | null;
}

export interface AlarmStep {
  readonly state: AlarmState | undefined;
  readonly transitions: readonly AlarmTransition[];
}

type Delays = Pick<AlarmRule, "condition" | "onDelayMs" | "offDelayMs">;

/** When the machine changes by itself if nothing more is read; null when never. `last` is the newest event time applied. */
export function alarmDue(rule: Delays, state: AlarmState | undefined, last: number | null): number | null {
  const silentAt = rule.condition.kind === "no-data" && last !== null ? last + rule.condition.afterMs : null;
  if (state === undefined) return silentAt;
  switch (state.phase) {
    case "idle":
      return silentAt === null ? null : Math.max(silentAt, state.notBefore);
    case "pending":
      return state.since + rule.onDelayMs;
    case "active":
      return null;
    case "clearing": {
      const clearAt = state.gone + rule.offDelayMs;
      return silentAt === null ? clearAt : Math.min(clearAt, silentAt);
    }
  }
}

/** Lets event time come to `to`: delays end, silence becomes a condition. */
export function advanceAlarm(rule: Delays, state: AlarmState | undefined, last: number | null, to: number): AlarmStep {
  const transitions: AlarmTransition[] = [];
  let now = state;
  for (;;) {
    const due = alarmDue(rule, now, last);
    if (due === null || due > to) return { state: now, transitions };
    if (now === undefined || now.phase === "idle") {
      now = { phase: "pending", since: due, value: null };
    } else if (now.phase === "pending") {
      transitions.push({ kind: "raised", ts: due, since: now.since, value: now.value });
      now = { phase: "active", since: now.since, raised: due };
    } else if (now.phase === "clearing" && due === now.gone + rule.offDelayMs) {
      // Raised by silence and ended by a reading that is older than that: an alarm never ends before it began.
      transitions.push({ kind: "cleared", ts: Math.max(due, now.raised), since: now.since, value: now.value });
      now = afterClear(now.since, last);
    } else {
      now = { phase: "active", since: now.since, raised: now.phase === "clearing" ? now.raised : due };
    }
  }
}

/**
 * Applies a reading: `value` is the rule's metric, null for a no-data rule. The caller has seen to it that `ts` is not before `last`.
 * Whatever was due before it comes first, so that the result does not depend on when timers could fire.
 */
export function observeAlarm(
  rule: Delays,
  state: AlarmState | undefined,
  last: number | null,
  ts: number,
  value: number | null,
): AlarmStep {
  if (state === undefined && staysNormal(rule.condition, last, ts, value)) return NORMAL;
  const before = advanceAlarm(rule, state, last, ts);
  const seen = applyValue(rule.condition, before.state, ts, value);
  const after = advanceAlarm(rule, seen, ts, ts);
  const settled = after.state?.phase === "idle" && after.state.notBefore <= ts ? undefined : after.state;
  if (before.transitions.length === 0) return { state: settled, transitions: after.transitions };
  return { state: settled, transitions: [...before.transitions, ...after.transitions] };
}

const NORMAL: AlarmStep = Object.freeze({ state: undefined, transitions: [] });

/** Nearly every reading of nearly every device. */
function staysNormal(condition: AlarmCondition, last: number | null, ts: number, value: number | null): boolean {
  if (condition.kind === "no-data") return last === null || last + condition.afterMs > ts;
  return value === null || !exceeds(condition, value, false);
}

/** What is left of a rule whose alarm ended: usually nothing. */
export function afterClear(since: number, last: number | null): AlarmState | undefined {
  return last !== null && last > since ? undefined : { phase: "idle", notBefore: since + 1 };
}

function applyValue(
  condition: AlarmCondition,
  state: AlarmState | undefined,
  ts: number,
  value: number | null,
): AlarmState | undefined {
  const active = state?.phase === "active" || state?.phase === "clearing";
  const holds = condition.kind === "threshold" && value !== null && exceeds(condition, value, active);
  if (state === undefined || state.phase === "idle") {
    if (!holds) return state;
    return { phase: "pending", since: Math.max(ts, state?.notBefore ?? ts), value };
  }
  switch (state.phase) {
    case "pending":
      return holds ? { phase: "pending", since: state.since, value } : undefined;
    case "active":
      return holds ? state : { phase: "clearing", since: state.since, raised: state.raised, gone: ts, value };
    case "clearing":
      return holds ? { phase: "active", since: state.since, raised: state.raised } : state;
  }
}

/** An active alarm ends only when the value has come back by the deadband. */
function exceeds(condition: Extract<AlarmCondition, { kind: "threshold" }>, value: number, active: boolean): boolean {
  const back = active ? condition.deadband : 0;
  switch (condition.op) {
    case ">":
      return value > condition.value - back;
    case ">=":
      return value >= condition.value - back;
    case "<":
      return value < condition.value + back;
    case "<=":
      return value <= condition.value + back;
  }
}
