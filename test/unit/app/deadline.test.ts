import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { stopSteps } from "../../../app/deadline.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("the steps of a stop", () => {
  it("each get three quarters of what is left, so that one that hangs leaves time for the next", async () => {
    const step = stopSteps(400);
    const shares: number[] = [];
    const hang = (deadlineMs: number): Promise<void> => {
      shares.push(deadlineMs);
      return new Promise(() => undefined);
    };
    for (let n = 0; n < 2; n++) {
      const late = expect(step(hang)).rejects.toMatchObject({ code: "TIMED_OUT" });
      await vi.advanceTimersByTimeAsync(300 / 4 ** n);
      await late;
    }
    await step((deadlineMs) => void shares.push(deadlineMs));
    expect(shares).toEqual([300, 75, 19]);
  });

  it("leave to the next what they do not need", async () => {
    const step = stopSteps(10_000);
    await step(() => undefined);
    let share = 0;
    await step((deadlineMs) => void (share = deadlineMs));
    expect(share).toBe(7500);
  });
});
