import { describe, expect, it } from "vitest";
import { judgeCanary, type ProcessHealth } from "../../upgrade/canary-verdict.ts";
import { errorLines } from "../../upgrade/process-health.ts";

const WELL: ProcessHealth = {
  name: "one",
  hasEnded: false,
  reasons: [],
  faults: [],
  errors: 0,
  failures: { refused: 0 },
  worked: 1000,
};
const reasonsOf = (canary: Partial<ProcessHealth>, ...peers: readonly Partial<ProcessHealth>[]): readonly string[] => {
  const verdict = judgeCanary(
    { ...WELL, ...canary },
    (peers.length === 0 ? [{}] : peers).map((peer) => ({ ...WELL, ...peer })),
  );
  return verdict.goOn ? [] : verdict.reasons;
};

describe("the verdict on a canary", () => {
  it("goes on with one that is as well as its peers, or no worse than the worst of them", () => {
    expect(reasonsOf({})).toEqual([]);
    expect(reasonsOf({ errors: 2 }, {}, { errors: 2 })).toEqual([]);
    expect(reasonsOf({ reasons: ["Kafka is away"] }, { reasons: ["Kafka is away"] })).toEqual([]);
    expect(reasonsOf({ faults: ["Redis is away"] }, { faults: ["Redis is away"] })).toEqual([]);
    // Errors count by what was worked.
    expect(reasonsOf({ errors: 4, worked: 4000 }, { errors: 1 })).toEqual([]);
  });

  it.each([
    ["has ended", { hasEnded: true }, "it has ended by itself"],
    ["does not answer", { reasons: null }, "it does not answer /readyz"],
    ["is not ready", { reasons: ["no log"] }, "it is not ready, and its peers are: no log"],
    ["has a fault", { faults: ["no Redis"] }, "it has a fault, and its peers have none: no Redis"],
    ["has worked nothing", { worked: 0 }, "it has worked nothing"],
    ["logs errors", { errors: 3 }, "3 errors in the log in 1000 worked, where a peer has at most 0"],
    ["counts failures", { failures: { refused: 1 } }, "1 refused in 1000 worked, where a peer has at most 0"],
    [
      "logs as many for less",
      { errors: 2, worked: 10 },
      "2 errors in the log in 10 worked, where a peer has at most 2",
    ],
  ] as const)("goes back with one that %s", (_, canary, reason) => {
    expect(reasonsOf(canary, { errors: "worked" in canary && "errors" in canary ? 2 : 0 })).toEqual([reason]);
  });
});

describe("errors of a process", () => {
  it("are the lines of its log of that level or above, and nothing else that it prints", () => {
    const lines = ['{"level":30,"msg":"a"}', '{"level":50,"msg":"b"}', "Error: plain", '{"level":60,"msg":"c"}', ""];
    expect(errorLines(lines.join("\n"))).toEqual([lines[1], lines[3]]);
  });
});
