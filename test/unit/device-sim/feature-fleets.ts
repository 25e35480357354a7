import { allFeatures, type FeatureName } from "../../../device-sim/features/feature.ts";
import { createFleet, type FleetDevice, type FleetMessage } from "../../../device-sim/fleet.ts";

export const START_AT = Date.UTC(2026, 2, 1);
const ROOM: readonly FleetDevice[] = [{ id: "room", type: "cold-room" }];

export interface SentReading {
  readonly ts: number;
  readonly sendAt: number;
  readonly values: Readonly<Record<string, number | boolean>>;
}

/** What a fleet of one cold room sends over a stretch of time with only these features on. */
export function messagesWith(
  features: readonly FeatureName[],
  span: { readonly ms: number; readonly intervalMs: number },
  devices: readonly FleetDevice[] = ROOM,
  seed: number | string = 7,
): readonly FleetMessage[] {
  const on = Object.fromEntries(features.map((name) => [name, true]));
  const fleet = createFleet({ devices, seed, features: { ...allFeatures(false), ...on }, startAt: START_AT });
  const sent: FleetMessage[] = [];
  for (const message of fleet.messages(span.intervalMs)) {
    if (message.sendAt >= START_AT + span.ms) return sent;
    sent.push(message);
  }
  return sent;
}

export function readingsOf(messages: readonly FleetMessage[], deviceId?: string): readonly SentReading[] {
  return messages
    .filter((message) => deviceId === undefined || message.deviceId === deviceId)
    .flatMap(({ payload, sendAt }) => {
      const body = JSON.parse(payload.toString());
      return (Array.isArray(body) ? body : [body]).map((reading) => ({ ...reading, sendAt }));
    });
}

export function numbersOf(readings: readonly SentReading[], metric: string): readonly number[] {
  return readings.map((reading) => reading.values[metric]).filter((value) => typeof value === "number");
}

export function extent(numbers: readonly number[]): number {
  return Math.max(...numbers) - Math.min(...numbers);
}
