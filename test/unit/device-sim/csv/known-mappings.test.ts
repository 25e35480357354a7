import { expect, test } from "vitest";
import { KNOWN_MAPPINGS } from "../../../../device-sim/csv/known-mappings.ts";

test("every known mapping names a device, a time and something to measure", () => {
  for (const mapping of Object.values(KNOWN_MAPPINGS)) {
    expect(mapping.device).not.toBe("");
    expect(Object.keys(mapping.metrics).length + mapping.json.length).toBeGreaterThan(0);
  }
});
