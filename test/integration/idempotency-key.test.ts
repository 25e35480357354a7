import { describe, expect, test } from "vitest";
import { keyedAdmissionId } from "../../broker/idempotency-keys.ts";
import { HEADER } from "../../core/record.ts";
import { clean } from "../../processors/clean/clean.ts";
import { logRecord } from "../support/log-records.ts";
import { runStage } from "../support/stage-run.ts";
import type { StageDefinition } from "../../core/stage.ts";

const T0 = Date.UTC(2026, 0, 1);
const stage: StageDefinition = { name: "clean-only", input: "telemetry", functions: [clean] };

/** How many of the messages the stage drops when gateways have appended all of them. A text is a key, a number a message without one. */
function droppedOf(sent: readonly (string | number)[], valueOf: (place: number) => object = () => ({ t: 1 })): number {
  const records = sent.map((sentAs, place) => {
    const id = typeof sentAs === "number" ? `gateway.1.${sentAs}` : keyedAdmissionId(["t/a"], sentAs);
    const headers = [[HEADER.admissionId, id] as const];
    return logRecord({ offset: place, timestamp: T0 + place, key: "t/a", value: valueOf(place), headers });
  });
  const { totals } = runStage(records, { stage, interrupt: (call) => (call % 50 === 0 ? "restart" : "none") });
  return [...totals.values()].reduce((sum, { duplicate }) => sum + duplicate, 0);
}

const others = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index + 1);

describe("a message with an Idempotency-Key that was appended twice", () => {
  test("counts once, whatever came in between and through restarts", () => {
    expect(droppedOf(["k", "k"])).toBe(1);
    expect(droppedOf(["k", 1, 2, "other", 3, "k"])).toBe(1);
    expect(droppedOf(["k", "l", "k", "l", "k"])).toBe(3);
  });

  test("keeps nobody else's message from counting", () => {
    expect(droppedOf(["k", 1, "l", 2, 3, "m", 4])).toBe(0);
  });

  test("is a message of its own with another body", () => {
    expect(droppedOf(["k", "k"], (place) => ({ t: place }))).toBe(0);
  });

  test("is known for 496 messages in between, wherever the first one stood", () => {
    for (const before of [0, 1, 15, 16, 31, 32, 500]) {
      expect(droppedOf([...others(before), "k", ...others(496, before), "k"])).toBe(1);
    }
    // The first that stands at the end of a segment is the first to be forgotten.
    expect(droppedOf([...others(15), "k", ...others(497, 15), "k"])).toBe(0);
  });
});
