import type { DeviceProfile } from "./profile.ts";

const MINUTE_MS = 60_000;

/** A circulation pump: vibration in mm/s (RMS, as ISO 10816 has it), flow in m³/h, pressure in bar, running or not. */
export const pump: DeviceProfile = {
  type: "pump",
  metrics: {
    vibration: {
      base: 2.6,
      spread: 0.4,
      dailySwing: 0.1,
      peakHour: 12,
      driftPerDay: 0.02,
      noise: 0.12,
      spike: 2,
      min: 0,
      max: 50,
      digits: 2,
    },
    flow: {
      base: 42,
      spread: 4,
      dailySwing: 6,
      peakHour: 9,
      driftPerDay: -0.05,
      noise: 0.6,
      spike: -9,
      min: 0,
      max: 200,
      digits: 1,
    },
    pressure: {
      base: 4.2,
      spread: 0.3,
      dailySwing: 0.25,
      peakHour: 9,
      driftPerDay: 0,
      noise: 0.04,
      spike: 0.9,
      min: 0,
      max: 16,
      digits: 2,
    },
  },
  states: {
    running: { usual: true, meanPauseMs: 45 * MINUTE_MS, lengthMsMin: 60_000, lengthMsMax: 5 * MINUTE_MS },
  },
  combine(numbers, states) {
    const { vibration = 0, flow = 0, pressure = 0 } = numbers;
    const running = states["running"] === true;
    return {
      vibration: running ? vibration : vibration * 0.03,
      flow: running ? flow : 0,
      pressure: running ? pressure : pressure * 0.3,
      running,
    };
  },
};
