import { describe, expect, it } from "vitest";
import { Conflation } from "../../../dashboard/conflation.ts";

const LIMITS = { pendingEventsMax: 5, eventsPerFrameMax: 2 };
const nothing = () => null;

describe("Conflation", () => {
  it("sends a device once with its newest values, however often it was marked", () => {
    const pending = new Conflation(LIMITS);
    let version = 1;
    pending.markDevice("t/a");
    version = 2;
    pending.markDevice("t/a");
    expect(pending.take((key) => `["${key}",${version}]`)).toEqual(['{"type":"values","devices":[["t/a",2]]}']);
    expect(pending.isEmpty).toBe(true);
  });

  it("leaves a marked device out when nothing is known of it", () => {
    const pending = new Conflation(LIMITS);
    pending.markDevice("t/a");
    expect(pending.take(nothing)).toEqual([]);
  });

  it("replaces a frame of which only the newest counts", () => {
    const pending = new Conflation(LIMITS);
    pending.putNewest("overview", "one");
    pending.putNewest("fleet", "fleet");
    pending.putNewest("overview", "two");
    expect(pending.take(nothing)).toEqual(["two", "fleet"]);
  });

  it("keeps every reading in order and cuts long runs into frames", () => {
    const pending = new Conflation(LIMITS);
    pending.resetReadings("a");
    for (const reading of ["[1]", "[2]", "[3]"]) pending.pushReading(reading);
    expect(pending.take(nothing).map((frame) => JSON.parse(frame))).toEqual([
      { type: "readings", device: "a", readings: [[1], [2]], missed: false },
      { type: "readings", device: "a", readings: [[3]], missed: false },
    ]);
  });

  it("skips readings above its ceiling, keeps the newest and says so once", () => {
    const pending = new Conflation(LIMITS);
    pending.resetReadings("a");
    for (let i = 0; i < 7; i += 1) pending.pushReading(`[${i}]`);
    expect(pending.take(nothing).map((frame) => JSON.parse(frame))).toEqual([
      { type: "readings", device: "a", readings: [[5], [6]], missed: true },
    ]);
    pending.pushReading("[7]");
    expect(JSON.parse(pending.take(nothing)[0] ?? "")).toMatchObject({ missed: false });
  });

  it("forgets the former device's readings when another is watched", () => {
    const pending = new Conflation(LIMITS);
    pending.resetReadings("a");
    pending.pushReading("[1]");
    pending.resetReadings("b");
    expect(pending.take(nothing)).toEqual([]);
  });

  it("drops marks of devices that are no longer watched", () => {
    const pending = new Conflation(LIMITS);
    pending.markDevice("t/a");
    pending.markDevice("t/b");
    pending.keepDevices(new Set(["t/b"]));
    expect(pending.take((key) => JSON.stringify(key))).toEqual(['{"type":"values","devices":["t/b"]}']);
  });

  it("sends errors first and never replaces them", () => {
    const pending = new Conflation(LIMITS);
    pending.putNewest("overview", "overview");
    pending.pushError("first");
    pending.pushError("second");
    expect(pending.take(nothing)).toEqual(["first", "second", "overview"]);
  });
});
