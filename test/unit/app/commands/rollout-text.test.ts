import { describe, expect, it } from "vitest";
import { rolloutPlan, rolloutText } from "../../../../app/commands/rollout-text.ts";
import { noCanaryCounts } from "../../../../core/canary.ts";
import type { Rollout } from "../../../../core/rollout.ts";

const rollout: Rollout = {
  name: "dew-point",
  version: 2,
  live: 1,
  shares: [1000, 10_000],
  step: 0,
  stepMs: 30_000,
  since: Date.UTC(2026, 0, 2),
  outcome: null,
  reason: "",
};

describe("what is said of a canary", () => {
  it("is where it stands and what its calls came to", () => {
    const lines = rolloutText({ ...rollout, counts: { ...noCanaryCounts(), same: 5, canaryFailed: 2 } }).split("\n");
    expect(lines[0]).toMatch(
      /^canary dew-point@2 beside dew-point@1: 10 % of the devices since 2026-01-02.*step 1 of 2/,
    );
    expect(lines[1]).toMatch(/5 the same, 0 different/);
    expect(lines[2]).toMatch(/2 of the canary only/);
  });

  it("is no row of zeros after a restart, which forgets the counts", () => {
    const ended = { ...rollout, outcome: "promoted", reason: "" } as const;
    const text = rolloutText({ ...ended, counts: noCanaryCounts() });
    expect(text).toMatch(/was promoted at 2026-01-02/);
    expect(text).toMatch(/no call of it has been counted since this process began/);
    expect(text).not.toMatch(/outputs/);
  });
});

describe("the shares of a canary", () => {
  it("are percent, each greater than the one before", () => {
    expect(rolloutPlan({ canary: true, share: "5,100", step: "1min" })).toEqual({
      shares: [500, 10_000],
      stepMs: 60_000,
    });
    for (const share of ["50,10", "0,10", "10,101", "ten"]) {
      expect(() => rolloutPlan({ canary: true, share })).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
    }
  });

  it("need a canary", () => {
    expect(rolloutPlan({})).toBeUndefined();
    expect(() => rolloutPlan({ share: "10" })).toThrow(/--canary|of a canary/);
  });
});
