import { describe, expect, it } from "vitest";
import { type DeadLetter, QUARANTINE_REASONS } from "../../../core/derived-records.ts";
import type { QuarantinedMessage } from "../../../core/rejects.ts";
import { quarantineReason, reasonMeaning, REASONS } from "../../../dashboard/web/model/quarantine-reasons.ts";
import { DEAD_LETTER, excerpt, mergeRejects, searchRejects } from "../../../dashboard/web/model/reject-list.ts";

const quarantined = (change: Partial<QuarantinedMessage>): QuarantinedMessage => ({
  v: 1,
  tenant: "t",
  device: "pump",
  reason: "bad-json",
  detail: "the payload is not JSON",
  received: 1000,
  payload: "{",
  source: { partition: 1, offset: 7 },
  ...change,
});
const deadLetter = (change: Partial<DeadLetter>): DeadLetter => ({
  v: 1,
  tenant: "t",
  device: "meter",
  function: "aggregate",
  version: 1,
  error: "divided by zero",
  errorClass: "RangeError",
  stack: "RangeError: divided by zero",
  received: 2000,
  source: { topic: "telemetry", partition: 0, offset: 3 },
  payload: Buffer.from('{"grün":1}').toString("base64"),
  ...change,
});

describe("mergeRejects", () => {
  it("puts the newest first, whichever kind it is", () => {
    const rejects = mergeRejects([quarantined({}), quarantined({ received: 3000 })], [deadLetter({})]);
    expect(rejects.map(({ received, reason }) => [received, reason])).toEqual([
      [3000, "bad-json"],
      [2000, DEAD_LETTER],
      [1000, "bad-json"],
    ]);
  });

  it("tells values of one message apart", () => {
    const values = ["a", "b"].map((metric) => quarantined({ metric, reason: "bad-value" }));
    expect(new Set(mergeRejects(values, []).map(({ key }) => key)).size).toBe(2);
  });

  it("reads a dead letter's bytes as text and says which function failed", () => {
    expect(mergeRejects([], [deadLetter({})])).toMatchObject([
      {
        payload: '{"grün":1}',
        detail: "aggregate: RangeError: divided by zero",
        source: "telemetry, partition 0, offset 3",
        stack: "RangeError: divided by zero",
      },
    ]);
  });

  it("shows bytes that are no text, and a payload that is no base64, as well as they can be", () => {
    const payloads = [Buffer.from([0xff, 0x41]).toString("base64"), "?"];
    const rejects = mergeRejects(
      [],
      payloads.map((payload) => deadLetter({ payload })),
    );
    expect(rejects.map(({ payload }) => payload)).toEqual(["\uFFFDA", "?"]);
  });
});

describe("searchRejects", () => {
  const rejects = mergeRejects([quarantined({ payload: '{"Valve":' })], [deadLetter({})]);
  it.each([
    ["", 2],
    ["  ", 2],
    ["VALVE", 1],
    ["dead-letter", 1],
    ["divided", 1],
    ["nothing of it", 0],
  ])("finds %j %i times", (search, count) => {
    expect(searchRejects(rejects, search)).toHaveLength(count);
  });
});

describe("excerpt", () => {
  it("is one short line", () => {
    expect(excerpt('{\n  "a": 1\n}')).toBe('{ "a": 1 }');
    expect(excerpt("x".repeat(5000))).toHaveLength(161);
    expect(excerpt("")).toBe("");
  });
});

describe("REASONS", () => {
  it("are those of core, each with a meaning", () => {
    expect([...REASONS].sort()).toEqual([...QUARANTINE_REASONS].sort());
    expect(new Set(REASONS.map(reasonMeaning)).size).toBe(REASONS.length);
  });

  it("takes nothing else for one", () => {
    expect(quarantineReason("bad-json")).toBe("bad-json");
    for (const text of ["", "toString", "nonsense"]) expect(quarantineReason(text)).toBeUndefined();
  });
});
