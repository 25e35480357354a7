import { describe, expect, it } from "vitest";
import { alarmRuleSchema } from "../../../core/alarm-rule.ts";
import { deviceTypeSchema } from "../../../core/device-type.ts";
import { LIMITS } from "../../../core/limits.ts";
import { GIVEN_TOKEN_PATTERN, labelsSchema } from "../../../core/schemas.ts";

const RULE = {
  tenant: "t",
  id: "r",
  name: "Hot",
  severity: "high",
  condition: { kind: "no-data", afterMs: 60_000 },
};
const typeWith = (part: object) => deviceTypeSchema.safeParse({ tenant: "t", id: "x", ...part }).success;
const ruleWith = (part: object) => alarmRuleSchema.safeParse({ ...RULE, ...part }).success;
const labels = (count: number, text = "x") =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`l${n}`, text]));

/** [what, the check, the longest or least that passes, what is one over or under it] */
const CEILINGS: readonly (readonly [string, (length: number) => boolean, number, number])[] = [
  ["the name of a rule", (n) => ruleWith({ name: "x".repeat(n) }), LIMITS.nameCharactersMax, 1],
  ["the name of a type", (n) => typeWith({ name: "x".repeat(n) }), LIMITS.nameCharactersMax, 1],
  ["a unit", (n) => typeWith({ metrics: { t: { unit: "x".repeat(n) } } }), LIMITS.unitCharactersMax, 1],
  ["the name of a metric", (n) => typeWith({ metrics: { ["x".repeat(n)]: {} } }), LIMITS.metricNameBytesMax, 1],
  ["the windows of a type", (n) => typeWith({ windowMs: Array(n).fill(60_000) }), LIMITS.windowsPerTypeMax, 1],
  ["the longest window", (n) => typeWith({ windowMs: [n] }), LIMITS.windowMsMax, 1],
  ["the shortest window", (n) => typeWith({ windowMs: [n] }), LIMITS.windowMsMin, -1],
  ["the labels of a device", (n) => labelsSchema.safeParse(labels(n)).success, LIMITS.labelsPerDeviceMax, 1],
  ["a label", (n) => labelsSchema.safeParse(labels(1, "x".repeat(n))).success, LIMITS.labelCharactersMax, 1],
  ["the longest token", (n) => GIVEN_TOKEN_PATTERN.test("x".repeat(n)), LIMITS.tokenCharactersMax, 1],
  ["the shortest token", (n) => GIVEN_TOKEN_PATTERN.test("x".repeat(n)), LIMITS.tokenCharactersMin, -1],
];

describe("what is configured", () => {
  it.each(CEILINGS)("has a ceiling for %s, and is taken up to it", (_what, isTaken, limit, step) => {
    expect([isTaken(limit), isTaken(limit + step)]).toEqual([true, false]);
  });
});
