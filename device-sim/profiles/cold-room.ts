import type { DeviceProfile } from "./profile.ts";

const MINUTE_MS = 60_000;
const WARMER_WITH_OPEN_DOOR = 1.1;
const DAMPER_WITH_OPEN_DOOR = 5;

/** A cold store: °C, % relative humidity, battery in %, door open or not. */
export const coldRoom: DeviceProfile = {
  type: "cold-room",
  metrics: {
    temperature: {
      base: 4,
      spread: 0.6,
      dailySwing: 0.5,
      peakHour: 14,
      driftPerDay: 0.01,
      noise: 0.12,
      spike: 2.5,
      min: -30,
      max: 40,
      digits: 2,
    },
    humidity: {
      base: 78,
      spread: 5,
      dailySwing: 3,
      peakHour: 5,
      driftPerDay: 0.05,
      noise: 0.8,
      spike: 8,
      min: 0,
      max: 100,
      digits: 1,
    },
    battery: {
      base: 88,
      spread: 10,
      dailySwing: 0.3,
      peakHour: 14,
      driftPerDay: -0.4,
      noise: 0.05,
      spike: 0,
      min: 0,
      max: 100,
      digits: 1,
    },
  },
  states: {
    door: { usual: false, meanPauseMs: 25 * MINUTE_MS, lengthMsMin: 15_000, lengthMsMax: 2 * MINUTE_MS },
  },
  combine(numbers, states) {
    const { temperature = 0, humidity = 0, battery = 0 } = numbers;
    const door = states["door"] === true;
    return {
      temperature: door ? temperature + WARMER_WITH_OPEN_DOOR : temperature,
      humidity: door ? humidity + DAMPER_WITH_OPEN_DOOR : humidity,
      battery,
      door,
    };
  },
};
