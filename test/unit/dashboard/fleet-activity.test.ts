import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { countReading, FleetActivity, silentDevices } from "../../../dashboard/fleet-activity.ts";

const MINUTE = 60_000;
const NOW = 1_000 * MINUTE;

describe("FleetActivity", () => {
  it("puts devices that alarm before devices that only talk", () => {
    const activity = new FleetActivity();
    for (let i = 0; i < 5; i += 1) countReading(activity.of("talker"), NOW - i * 1000);
    countReading(activity.of("alarmer"), NOW);
    activity.countAlarm("alarmer", NOW - 30 * MINUTE);
    expect(activity.noisiest(NOW, 5)).toEqual([
      { device: "alarmer", alarms: 1, readingsPerMinute: 1 },
      { device: "talker", alarms: 0, readingsPerMinute: 5 },
    ]);
  });

  it("forgets readings after a minute and alarms after an hour", () => {
    const activity = new FleetActivity();
    countReading(activity.of("a"), NOW - 2 * MINUTE);
    activity.countAlarm("a", NOW - 61 * MINUTE);
    expect(activity.noisiest(NOW, 5)).toEqual([]);
  });

  it("counts alarms of one device up to the ceiling", () => {
    const activity = new FleetActivity();
    for (let n = 0; n <= LIMITS.recentAlarmsPerDeviceMax; n += 1) activity.countAlarm("a", NOW);
    expect(activity.noisiest(NOW, 1)[0]?.alarms).toBe(LIMITS.recentAlarmsPerDeviceMax);
  });

  it("lists no more than asked for", () => {
    const activity = new FleetActivity();
    for (const device of ["a", "b", "c"]) countReading(activity.of(device), NOW);
    expect(activity.noisiest(NOW, 2)).toHaveLength(2);
  });
});

describe("silentDevices", () => {
  it("lists the silent ones, the most recently fallen silent first", () => {
    const seen = [
      { device: "long", received: NOW - 60 * MINUTE },
      { device: "talking", received: NOW - 1000 },
      { device: "short", received: NOW - 2 * MINUTE },
    ];
    expect(silentDevices(seen, NOW, MINUTE, 5).map(({ device }) => device)).toEqual(["short", "long"]);
  });
});
