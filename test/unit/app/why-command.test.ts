import { expect, test } from "vitest";
import { formatExplanation, whyCommand } from "../../../app/commands/why.ts";
import type { Explanation } from "../../../core/why.ts";

/** Nothing is asked of the API: what is typed is refused before. */
const NO_API = { get: () => Promise.reject(new Error("asked")) } as unknown as Parameters<typeof whyCommand>[0];

const refusal = (what: string, ...of: string[]) =>
  whyCommand(NO_API, what, of, { size: "60000", json: false }).then(
    () => "",
    (error: unknown) => (error instanceof Error ? error.message : ""),
  );

test("says what is missing of a kind that there is, and which kinds there are of one that is not", async () => {
  expect(await refusal("alarm")).toBe('"why alarm" says too little: why alarm ID');
  expect(await refusal("reading", "a", "t")).toBe('"why reading a t" says too little: why reading DEVICE METRIC TIME');
  expect(await refusal("dead-letter", "x")).toBe(
    '"why dead-letter x" names no output: why dead-letter TOPIC/PARTITION/OFFSET',
  );
  expect(await refusal("constructor", "x")).toBe('"why constructor x" names no output');
});

test("an alarm of silence is made of no message, and the last before it are shown as such", () => {
  const message = { offset: 7, received: 1000, outcome: "processed", payload: "{}", readings: [], isCause: false };
  const explanation = {
    output: { device: "pump", message: "no data for 30 s", transition: "raised", rule: "silent", severity: "medium" },
    topic: "alarms",
    function: "alarm@1",
    madeAt: 31_000,
    source: { topic: "telemetry", partition: 0, offset: 9, step: 1, index: 0 },
    messages: [message],
    inputs: null,
    counts: { causes: 0, messages: 1, records: 2 },
    before: {},
    after: {},
    isReproduced: true,
    notes: [],
  } as unknown as Explanation;
  const madeOf = (one: Explanation) => /^Made of +(.*)$/m.exec(formatExplanation(one))?.[1];
  expect(madeOf(explanation)).toBe(
    "no message of 1 of the device that were looked at: the last ones before it are below",
  );
  expect(madeOf({ ...explanation, messages: [], counts: { ...explanation.counts, messages: 0 } })).toBe(
    "no message of 0 of the device that were looked at",
  );
  expect(madeOf({ ...explanation, counts: { ...explanation.counts, causes: 1 } })).toBe(
    "1 message of 1 of the device that were looked at",
  );
});
