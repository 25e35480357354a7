import { describe, expect, it } from "vitest";
import { noCanaryCounts, type CanaryOutcome } from "../../../../core/canary.ts";
import { decideRollout } from "../../../../runtime/canary/decide-rollout.ts";

const LIMITS = { canaryCallsMin: 20, canaryFailuresMin: 3, canaryFailedShareMax: 0.01 };
type Counted = Partial<Record<CanaryOutcome, number>>;

/** At the end of a step, unless told. */
function decide(all: Counted, { ofStep = all, ageMs = 1000 }: { ofStep?: Counted; ageMs?: number } = {}) {
  const view = { all: { ...noCanaryCounts(), ...all }, ofStep: { ...noCanaryCounts(), ...ofStep } };
  return decideRollout({ ...view, stepAgeMs: ageMs, stepMs: 1000 }, LIMITS);
}
const actionOf = (...args: Parameters<typeof decide>) => decide(...args).action;

describe("a canary is taken back", () => {
  it("at once when a call of it has cost its thread", () => {
    expect(decide({ same: 10_000, canaryFatal: 1 }, { ageMs: 0 })).toEqual({
      action: "roll-back",
      reason: "a call of it did not come to an end, and cost its thread",
    });
  });

  it("at once when it fails where the live version does not", () => {
    expect(decide({ canaryFailed: 3 }, { ageMs: 0 })).toEqual({
      action: "roll-back",
      reason: "it failed on 3 of 3 calls on which the live version did not",
    });
    expect(actionOf({ same: 290, canaryFailed: 3 }, { ageMs: 0 })).toBe("roll-back");
  });

  it("for what it did at an earlier share too", () => {
    expect(actionOf({ same: 20, canaryFailed: 3 }, { ofStep: { same: 20 } })).toBe("roll-back");
  });

  it("however many readings are none of its own", () => {
    expect(actionOf({ silent: 100_000, same: 10, canaryFailed: 3 })).toBe("roll-back");
  });
});

describe("a canary goes on", () => {
  it("when its time is over and enough calls went well", () => {
    expect(decide({ same: 12, different: 8 })).toEqual({ action: "advance", reason: "20 calls went well" });
    expect(actionOf({ silent: 20 })).toBe("advance");
  });

  it("with differences, and where it makes up for failures of the live version", () => {
    expect(actionOf({ different: 10, onlyLive: 5, onlyCanary: 5 })).toBe("advance");
    expect(actionOf({ same: 100, canaryFailed: 4, liveFailed: 3 })).toBe("advance");
    expect(actionOf({ bothFailed: 100 })).toBe("advance");
  });

  it("with few failures of many calls", () => {
    expect(actionOf({ same: 997, canaryFailed: 3 })).toBe("advance");
  });
});

describe("a canary waits", () => {
  it("until its time is over", () => {
    expect(decide({ same: 100 }, { ageMs: 100 })).toEqual({ action: "wait", reason: "1 s are left" });
  });

  it("until enough calls of this step have come", () => {
    expect(decide({ same: 100 }, { ofStep: { same: 19 } })).toEqual({
      action: "wait",
      reason: "19 of the 20 calls that a step takes have come",
    });
  });

  it("when a failure or two are too few to judge it", () => {
    expect(actionOf({ same: 50, canaryFailed: 2 })).toBe("wait");
    expect(actionOf({ same: 300, canaryFailed: 2 })).toBe("advance");
  });
});
