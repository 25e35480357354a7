import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { stopSteps } from "../../../app/deadline.ts";

describe("the steps of a stop", () => {
  it("each get three quarters of what is left, so that one that hangs leaves time for the next", async () => {
    const step = stopSteps(400);
    const shares: number[] = [];
    const hang = (deadlineMs: number): Promise<void> => {
      shares.push(deadlineMs);
      return delay(60_000, undefined, { ref: false });
    };
    await expect(step(hang)).rejects.toMatchObject({ code: "TIMED_OUT" });
    await expect(step(hang)).rejects.toMatchObject({ code: "TIMED_OUT" });
    await step((deadlineMs) => void shares.push(deadlineMs));
    expect(shares[0]).toBe(300);
    expect(shares[1]).toBeGreaterThan(0);
    expect(shares[1]).toBeLessThanOrEqual(75);
  });

  it("leave to the next what they do not need", async () => {
    const step = stopSteps(10_000);
    await step(() => undefined);
    let share = 0;
    await step((deadlineMs) => void (share = deadlineMs));
    expect(share).toBeGreaterThan(7000);
  });
});
