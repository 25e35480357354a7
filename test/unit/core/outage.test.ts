import { describe, expect, it } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createOutage } from "../../../core/outage.ts";

describe("an outage", () => {
  it("waits longer and longer, up to five seconds, and from the start after a success", () => {
    const outage = createOutage("it fails", 50, silentLogger);
    const fail = () => outage.failed(new MillraceError("LOG_IO", "x"));
    expect(Array.from({ length: 9 }, fail)).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    outage.succeeded();
    expect(fail()).toBe(50);
  });

  it("is none of a programmer's error", () => {
    const outage = createOutage("it fails", 50, silentLogger);
    expect(() => outage.failed(new TypeError("x"))).toThrow(TypeError);
  });
});
