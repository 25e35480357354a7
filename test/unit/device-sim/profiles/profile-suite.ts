import { expect, test } from "vitest";
import { profileOf } from "../../../../device-sim/profile-of.ts";
import { allFeatures, FEATURES } from "../../../../device-sim/features/feature.ts";
import { messagesWith, readingsOf } from "../feature-fleets.ts";

/** What every profile must show, whatever it measures. */
export function describeProfile(type: string, metrics: readonly string[]): void {
  const devices = [{ id: "device", type }];
  const span = { ms: 2 * 86_400_000, intervalMs: 20_000 };

  test(`a ${type} reports ${metrics.join(", ")}`, () => {
    const readings = readingsOf(messagesWith([], span, devices));
    expect(readings.every((reading) => Object.keys(reading.values).join() === metrics.join())).toBe(true);
  });

  test(`with everything on, a ${type} stays within what its sensors can show`, () => {
    const on = FEATURES.filter((name) => allFeatures(true)[name]);
    const profile = profileOf(type);
    for (const { values } of readingsOf(messagesWith(on, span, devices))) {
      for (const [name, value] of Object.entries(values)) {
        if (typeof value === "boolean") continue;
        expect(value).toBeGreaterThanOrEqual(profile.metrics[name]?.min ?? Infinity);
        expect(value).toBeLessThanOrEqual(profile.metrics[name]?.max ?? -Infinity);
      }
    }
  });

  test(`two ${type}s differ`, () => {
    const pair = [...devices, { id: "other", type }];
    const messages = messagesWith([], { ms: 20_000, intervalMs: 20_000 }, pair);
    const [first, second] = [readingsOf(messages, "device")[0], readingsOf(messages, "other")[0]];
    expect(first?.values).not.toEqual(second?.values);
  });
}
