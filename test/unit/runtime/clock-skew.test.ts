import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { createClockSkew } from "../../../runtime/clock-skew.ts";
import type { Logger } from "../../../core/logger.ts";

function watched() {
  const lines: string[] = [];
  const line = (level: string) => (fields: object) => void lines.push(`${level} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
  const metrics = createMetrics();
  let now = 1_000_000;
  const clock = { now: () => now };
  const skew = createClockSkew({ stage: "main", clock, monotonic: clock, logger, metrics });
  return {
    lines,
    seconds: () => metrics.snapshot().find(({ name }) => name === "millrace_clock_skew_seconds")?.value,
    passes: (ms: number) => void (now += ms),
    look: (aheadMs: number) => skew.look(now + aheadMs),
  };
}

describe("the watch over clocks", () => {
  it("says nothing of records from before, and of those that are ahead by less than the limit", () => {
    const { look, lines, seconds } = watched();
    for (const aheadMs of [-86_400_000, 0, LIMITS.clockSkewMs]) look(aheadMs);
    expect([lines, seconds()]).toEqual([[], 0]);
  });

  it("says once that a record is ahead, shows the most, and says when that is over", () => {
    const { look, lines, seconds, passes } = watched();
    for (const aheadMs of [30_000, 31_500, 30_200]) look(aheadMs);
    expect(lines).toEqual(['warn {"stage":"main","aheadSeconds":30}']);
    expect(seconds()).toBe(31.5);
    // Between two records of the gateway that is ahead come those of others.
    passes(LIMITS.clockSkewSettleMs - 1);
    look(0);
    expect(seconds()).toBe(31.5);
    passes(1);
    look(0);
    expect([seconds(), lines.length]).toEqual([0, 2]);
    look(40_000);
    expect([seconds(), lines.at(-1)]).toEqual([40, 'warn {"stage":"main","aheadSeconds":40}']);
  });
});
