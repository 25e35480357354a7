import { describe, expect, test } from "vitest";
import { createConnectionCap } from "../../../broker/connection-cap.ts";

describe("a cap on connections", () => {
  test("counts the addresses of an IPv6 network of 64 bits together, and each socket by its whole address", () => {
    const cap = createConnectionCap({ max: 10, perAddressMax: 2 });
    expect(cap.enter("2001:db8::1", 5000)).toBe(true);
    expect(cap.enter("2001:db8::2", 5000)).toBe(true);
    expect(cap.enter("2001:db8::3", 5001)).toBe(false);
    expect(cap.enter("2001:db8:0:1::3", 5000)).toBe(true);
    cap.leave("2001:db8::3", 5001);
    expect(cap.size).toBe(3);
    cap.leave("2001:db8::1", 5000);
    cap.leave("2001:db8::1", 5000);
    expect([cap.enter("2001:db8::3", 5001), cap.enter("2001:db8::4", 5001), cap.size]).toEqual([true, false, 3]);
  });

  test("counts IPv4 addresses each, however they are written, and all together", () => {
    const cap = createConnectionCap({ max: 3, perAddressMax: 2 });
    expect([1, 2, 3].map((port) => cap.enter(port === 1 ? "::ffff:192.0.2.1" : "192.0.2.1", port))).toEqual([
      true,
      true,
      false,
    ]);
    expect([cap.enter("192.0.2.2", 1), cap.enter("192.0.2.3", 1)]).toEqual([true, false]);
  });
});
