import { expect, test } from "vitest";
import { whyCommand } from "../../../app/commands/why.ts";

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
