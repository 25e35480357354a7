import { createHash } from "node:crypto";
import { z } from "zod";
import { SEVERITIES } from "../core/alarm-rule.ts";
import { defineStream } from "../core/function.ts";
import { advanceAlarm, afterClear, alarmDue, alarmStateSchema, observeAlarm } from "../engine/alarm-machine.ts";
import { alarmMessage } from "../engine/alarm-message.ts";
import { hashText } from "../engine/hash64.ts";
import type { AlarmRule } from "../core/alarm-rule.ts";
import type { AlarmEvent, Reading } from "../core/derived-records.ts";
import type { ConfigChange, StreamContext } from "../core/function.ts";
import type { AlarmState, AlarmStep, AlarmTransition } from "../engine/alarm-machine.ts";

/**
 * What a rule that is not normal keeps of itself, so that its alarm can be ended when the rule is gone. In the order in which it is
 * written, so that it has the same bytes after a restore.
 */
const ruleSlotSchema = z.object({
  kind: z.literal("rule"),
  definition: z.string(),
  name: z.string(),
  severity: z.enum(SEVERITIES),
  metric: z.string().nullable(),
  state: alarmStateSchema,
});
/** Newest event time applied, per metric that a rule reads; under ANY_METRIC the newest of all. */
const lastSlotSchema = z.object({ kind: z.literal("last"), at: z.record(z.string(), z.number()) });
const slotSchema = z.union([ruleSlotSchema, lastSlotSchema]);
type RuleSlot = z.infer<typeof ruleSlotSchema>;
type AlarmSlot = z.infer<typeof slotSchema>;
type Context = StreamContext<AlarmSlot>;

/** Rule slots have the rule's id as their name; `=` stands in no id. */
const LAST_SLOT = "=last";
const ANY_METRIC = "";

/**
 * Alarms of the rules that select a device: raised and cleared in event time. A reading older than the last one applied to a rule is
 * late for it: counted, not applied.
 */
export const alarm = defineStream<"readings", AlarmSlot>({
  name: "alarm",
  version: 1,
  input: "readings",
  outputs: ["alarms", "device-events"],
  state: slotSchema,
  onInput: applyReading,
  onTimer(ruleId, at, context) {
    const rule = context.config.alarmRules(context.tenant, context.device).find((one) => one.id === ruleId);
    if (rule === undefined) return;
    const slot = readRule(ruleId, context);
    const last = lastOf(rule, readLast(context));
    take(rule, slot, advanceAlarm(rule, slot?.state, last, at), last, context);
    arm(rule, readRule(ruleId, context)?.state, last, context);
  },
  onConfig: applyConfig,
});

function applyReading(reading: Reading, context: Context): void {
  const { ts, metrics } = reading;
  const rules = context.config.alarmRules(context.tenant, context.device);
  const known = moveLast(reading, rules, context);
  let late = false;
  for (const rule of rules) {
    const { condition } = rule;
    const value = condition.kind === "threshold" ? numberOf(metrics[condition.metric]) : null;
    if (value === undefined) continue;
    const last = lastOf(rule, known);
    if (last !== null && ts < last) {
      late = true;
      continue;
    }
    const slot = readRule(rule.id, context);
    const step = observeAlarm(rule, slot?.state, last, ts, value);
    if (step.state === slot?.state && step.transitions.length === 0 && last !== null) continue;
    take(rule, slot, step, ts, context);
    arm(rule, step.state, ts, context);
  }
  if (!late) return;
  context.count("lateForAlarm");
  const { tenant, device, received } = reading;
  const detail = "is older than the newest reading that its alarm rules have seen";
  context.emit("device-events", { v: 1, tenant, device, kind: "late-for-alarm", ts, received, detail });
}

/**
 * Notes the times that the reading is applied at, and returns those before it. In place: each reading changes them, and a new slot would live until
 * the next.
 */
function moveLast(
  { ts, metrics }: Reading,
  rules: readonly AlarmRule[],
  { state }: Context,
): Readonly<Record<string, number>> {
  const slot = state.get(LAST_SLOT);
  const last = slot?.kind === "last" ? slot : { kind: "last" as const, at: {} };
  const { at } = last;
  const known: Readonly<Record<string, number>> = { ...at };
  if (ts > (known[ANY_METRIC] ?? -Infinity)) at[ANY_METRIC] = ts;
  for (const { condition } of rules) {
    if (condition.kind !== "threshold" || numberOf(metrics[condition.metric]) === undefined) continue;
    if (ts >= (newestOf(known, condition.metric) ?? -Infinity)) at[condition.metric] = ts;
  }
  if (last === slot) state.changed(LAST_SLOT, { kind: "last", at: known });
  else state.set(LAST_SLOT, last);
  return known;
}

/** Ends the alarms of rules that are gone or have another meaning, and lets no-data rules begin to wait. */
function applyConfig(change: ConfigChange, context: Context): void {
  const rules = change === "device-removed" ? [] : context.config.alarmRules(context.tenant, context.device);
  const last = readLast(context);
  for (const id of context.state.names()) {
    const slot = readRule(id, context);
    if (slot === undefined) continue;
    const rule = rules.find((one) => one.id === id);
    if (rule === undefined || definitionOf(rule) !== slot.definition) endAlarm(id, slot, change, last, context);
  }
  for (const rule of rules) {
    arm(rule, readRule(rule.id, context)?.state, lastOf(rule, last), context);
  }
}

function endAlarm(
  id: string,
  slot: RuleSlot,
  change: ConfigChange,
  last: Readonly<Record<string, number>>,
  context: Context,
): void {
  const { state } = slot;
  const newest = newestOf(last, slot.metric ?? ANY_METRIC);
  context.timers.clear(id);
  if (state.phase === "idle") return;
  const rest = state.phase === "pending" ? undefined : afterClear(state.since, newest);
  if (rest === undefined) context.state.delete(id);
  else context.state.set(id, { ...slot, state: rest });
  if (state.phase === "pending") return;
  const removed = change === "device-removed";
  const message = removed ? "ended: the device was removed" : "ended: its rule was changed or no longer applies";
  const ts = Math.max(state.raised, newest ?? state.raised);
  const transition: AlarmTransition = { kind: "cleared", ts, since: state.since, value: null };
  const event = eventOf(id, slot, transition, message, context);
  context.emit("alarms", { ...event, reason: removed ? "device-removed" : "rule-changed" });
}

/** Keeps the machine's new state and tells its transitions. */
function take(
  rule: AlarmRule,
  slot: RuleSlot | undefined,
  step: AlarmStep,
  last: number | null,
  context: Context,
): void {
  const metric = rule.condition.kind === "threshold" ? rule.condition.metric : null;
  const kept = slot ?? { kind: "rule", definition: "", name: rule.name, severity: rule.severity, metric };
  for (const transition of step.transitions) {
    const type = context.config.deviceType(context.tenant, context.device);
    const event = eventOf(rule.id, kept, transition, alarmMessage(rule, type, transition), context);
    context.emit("alarms", transition.kind === "cleared" ? { ...event, reason: "condition" } : event);
  }
  if (step.state === slot?.state) return;
  if (step.state === undefined) context.state.delete(rule.id);
  else context.state.set(rule.id, { ...kept, kind: "rule", definition: definitionOf(rule), state: step.state });
}

function arm(rule: AlarmRule, state: AlarmState | undefined, last: number | null, context: Context): void {
  const due = alarmDue(rule, state, last);
  if (due === null) context.timers.clear(rule.id);
  else context.timers.set(rule.id, due);
}

function eventOf(
  rule: string,
  slot: Pick<RuleSlot, "name" | "severity" | "metric">,
  transition: AlarmTransition,
  message: string,
  context: Context,
): AlarmEvent {
  const { tenant, device, receiveTime } = context;
  return {
    v: 1,
    tenant,
    device,
    id: alarmId(tenant, device, rule, transition.since),
    rule,
    ruleName: slot.name,
    severity: slot.severity,
    transition: transition.kind,
    ts: transition.ts,
    since: transition.since,
    received: receiveTime,
    ...(slot.metric === null ? {} : { metric: slot.metric }),
    ...(transition.value === null ? {} : { value: transition.value }),
    message,
  };
}

function alarmId(tenant: string, device: string, rule: string, since: number): string {
  return createHash("sha256").update(`${tenant}/${device}/${rule}/${since}`).digest("hex").slice(0, 32);
}

/** Tells whether a rule still means what it meant. */
function definitionOf(rule: AlarmRule): string {
  const { name, severity, condition, onDelayMs, offDelayMs } = rule;
  return hashText(JSON.stringify([name, severity, condition, onDelayMs, offDelayMs]));
}

function readRule(id: string, context: Context): RuleSlot | undefined {
  const slot = context.state.get(id);
  return slot?.kind === "rule" ? slot : undefined;
}

function readLast(context: Context): Readonly<Record<string, number>> {
  const slot = context.state.get(LAST_SLOT);
  return slot?.kind === "last" ? slot.at : {};
}

function lastOf(rule: AlarmRule, last: Readonly<Record<string, number>>): number | null {
  return newestOf(last, rule.condition.kind === "threshold" ? rule.condition.metric : ANY_METRIC);
}

/** Own properties only: a metric may be called "constructor". */
function newestOf(last: Readonly<Record<string, number>>, metric: string): number | null {
  return Object.hasOwn(last, metric) ? (last[metric] ?? null) : null;
}

/** Booleans count as 1 and 0, so that "water leak > 0" is a rule; texts are no numbers. */
function numberOf(value: unknown): number | undefined {
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "number" ? value : undefined;
}
