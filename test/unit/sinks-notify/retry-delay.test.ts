import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { isGivenUp, nominalDelayMs, retryDelayMs } from "../../../sinks/notify/retry-delay.ts";

describe("the wait between attempts", () => {
  it("doubles from a second and is capped", () => {
    expect([1, 2, 3, 4].map(nominalDelayMs)).toEqual([1000, 2000, 4000, 8000]);
    expect(nominalDelayMs(1000)).toBe(LIMITS.webhookRetryDelayMsMax);
  });

  it("lies between half and all of that", () => {
    expect(retryDelayMs(3, () => 0)).toBe(2000);
    expect(retryDelayMs(3, () => 0.999_999)).toBe(4000);
  });
});

describe("giving up", () => {
  it("comes with age, but never before a few attempts", () => {
    expect(isGivenUp(5, LIMITS.webhookAgeMsMax)).toBe(true);
    expect(isGivenUp(4, LIMITS.webhookAgeMsMax * 10)).toBe(false);
    expect(isGivenUp(1000, LIMITS.webhookAgeMsMax - 1)).toBe(false);
  });

  it("counts the waits where the age is not known", () => {
    expect(isGivenUp(100, null)).toBe(false);
    expect(isGivenUp(LIMITS.webhookAgeMsMax / LIMITS.webhookRetryDelayMsMax + 10, null)).toBe(true);
  });
});
