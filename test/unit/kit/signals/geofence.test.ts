import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { geofence, geofenceSchema, isInside } from "../../../../kit/signals/geofence.ts";
import type { GeofenceState, Place } from "../../../../kit/signals/geofence.ts";

/** About 1.1 km by 1.1 km, with its north-east quarter cut out. */
const yard: readonly Place[] = [
  { latitude: 0, longitude: 0 },
  { latitude: 0, longitude: 0.01 },
  { latitude: 0.005, longitude: 0.01 },
  { latitude: 0.005, longitude: 0.005 },
  { latitude: 0.01, longitude: 0.005 },
  { latitude: 0.01, longitude: 0 },
];
const at = (latitude: number, longitude: number): Place => ({ latitude, longitude });

function crossings(places: readonly Place[], hysteresisM: number): (string | undefined)[] {
  let state: GeofenceState = null;
  return places.map((place) => {
    const step = geofence(state, place, yard, hysteresisM);
    state = geofenceSchema.parse(step.state);
    return step.crossed;
  });
}

describe("a geofence", () => {
  it("knows what is inside a polygon that is not convex", () => {
    expect(isInside(at(0.002, 0.008), yard)).toBe(true);
    expect(isInside(at(0.008, 0.002), yard)).toBe(true);
    expect(isInside(at(0.008, 0.008), yard)).toBe(false);
    expect(isInside(at(-0.001, 0.005), yard)).toBe(false);
  });

  it("agrees with a rectangle's bounds everywhere", () => {
    const box = [at(1, 2), at(1, 4), at(3, 4), at(3, 2)];
    const degrees = fc.double({ min: 0, max: 5, noNaN: true });
    fc.assert(
      fc.property(degrees, degrees, (latitude, longitude) => {
        const inside = latitude >= 1 && latitude < 3 && longitude >= 2 && longitude < 4;
        expect(isInside(at(latitude, longitude), box)).toBe(inside);
      }),
    );
  });

  it("tells of entering and leaving, not of where the device was at first", () => {
    const made = crossings([at(0.02, 0.02), at(0.002, 0.002), at(0.003, 0.003), at(0.02, 0.02)], 0);
    expect(made).toEqual([undefined, "enter", undefined, "leave"]);
  });

  it("does not come and go within its hysteresis", () => {
    // 0.0001 degrees are 11 m.
    const onBorder = [at(-0.01, 0.002), at(0.0001, 0.002), at(-0.0001, 0.002), at(0.0003, 0.002), at(-0.0001, 0.002)];
    expect(crossings(onBorder, 25)).toEqual([undefined, undefined, undefined, "enter", undefined]);
    expect(crossings(onBorder, 0)).toEqual([undefined, "enter", "leave", "enter", "leave"]);
  });
});
