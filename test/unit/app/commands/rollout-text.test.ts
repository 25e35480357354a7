import { describe, expect, it } from "vitest";
import { formatVersions, type CountedRollout } from "../../../../app/commands/functions.ts";
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

describe("what is said of a canary that was taken back", () => {
  const counts = noCanaryCounts();
  const back = { ...rollout, outcome: "rolled-back", reason: "it failed on 3 of 9 calls", counts } as const;

  it("is when, why, and that nobody asked for it", () => {
    expect(rolloutText(back)).toMatch(
      /^canary dew-point@2 beside dew-point@1 was taken back by itself at 2026-01-02T00:00:00.000Z: it failed on 3 of 9/,
    );
  });

  it("is that somebody did, where that is so", () => {
    expect(rolloutText({ ...back, reason: "" })).toMatch(/was taken back by hand at 2026-01-02T00:00:00.000Z\n/);
  });

  it("stands with its version, until that is live or the canary of another version has begun", () => {
    const one = {
      kind: "map",
      stage: "functions",
      codeBytes: 9,
      createdAt: 0,
      createdBy: "root",
      hash: "abc",
    } as const;
    const row = (version: number, live: boolean) => ({ ...one, name: "dew-point", version, live });
    const states = (rollouts: readonly CountedRollout[], live: number) =>
      formatVersions([row(2, live === 2), row(1, live === 1)], rollouts)
        .split("\n")
        .map((line) => line.split(/ {2,}/)[2]);
    expect(states([back], 1)).toEqual(["state", "taken back", "live"]);
    expect(states([back], 2)).toEqual(["state", "live", "–"]);
    expect(states([{ ...back, outcome: null }], 1)).toEqual(["state", "canary", "live"]);
    expect(states([{ ...back, outcome: "promoted" }], 1)).toEqual(["state", "–", "live"]);
    expect(states([{ ...back, version: 3 }], 1)).toEqual(["state", "–", "live"]);
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
