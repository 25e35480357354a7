import { expect, test } from "vitest";
import { messagesWith } from "../feature-fleets.ts";

const HOURS = { ms: 4 * 3_600_000, intervalMs: 1000 };

test("with duplicates about one message in a hundred comes a second time, byte for byte, right after the first", () => {
  const payloads = messagesWith(["duplicates"], HOURS).map((message) => message.payload.toString());
  const repeated = payloads.filter((payload, index) => payload === payloads[index - 1]).length;
  expect(repeated).toBe(payloads.length - new Set(payloads).size);
  expect(repeated / payloads.length).toBeGreaterThan(0.005);
  expect(repeated / payloads.length).toBeLessThan(0.02);
});

test("without them no message comes twice", () => {
  const payloads = messagesWith([], HOURS).map((message) => message.payload.toString());
  expect(new Set(payloads).size).toBe(payloads.length);
});
