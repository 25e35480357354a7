import { expect, it } from "vitest";
import { fuzzCase } from "../fuzz/fuzz-case.ts";
import { runFuzz } from "../fuzz/run-fuzz.ts";

/** The short form of `npm run fuzz`. The heap is still growing to its size meanwhile, so memory has more room than there. */
it("outlives twenty seconds of mutated sessions, requests and frames, and answers others meanwhile", async () => {
  const figures = await runFuzz({
    seed: "short",
    seconds: 15,
    warmUpSeconds: 5,
    growthMegabytesMax: 300,
    only: null,
    say: () => undefined,
  });
  expect(figures.findings).toEqual([]);
  expect(figures.canaryRounds).toBeGreaterThan(0);
  expect(figures.admitted).toBeGreaterThan(figures.canaryRounds);
});

it("makes the same bytes of the same seed and number", () => {
  expect(fuzzCase("short", 7)).toEqual(fuzzCase("short", 7));
  expect(fuzzCase("short", 7)).not.toEqual(fuzzCase("other", 7));
});
