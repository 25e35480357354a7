import { MillraceError } from "../core/errors.ts";
import { isId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { castDemo } from "./features/demo-story.ts";
import { allFeatures, type FleetFeatures, type Parcel } from "./features/feature.ts";
import { profileOf } from "./profile-of.ts";
import { createRandom } from "./random.ts";
import { createSimulatedDevice } from "./simulated-device.ts";

export interface FleetDevice {
  readonly id: string;
  /** cold-room, pump or air-quality. */
  readonly type: string;
}

export interface FleetOptions {
  readonly devices: readonly FleetDevice[];
  readonly seed: number | string;
  /** What is not named is on, except `demo`. */
  readonly features?: Partial<FleetFeatures>;
  /** Event time of the first sample, UTC ms. */
  readonly startAt: number;
}

/** One MQTT message to be. `at` is the event time of its newest reading, `sendAt` when it leaves; both UTC ms. */
export interface FleetMessage {
  readonly deviceId: string;
  readonly at: number;
  readonly sendAt: number;
  /** JSON: `{"ts":…,"values":{…}}`, or an array of these. */
  readonly payload: Buffer;
}

export interface Fleet {
  readonly devices: readonly FleetDevice[];
  readonly startAt: number;
  /** Endless, ordered by `sendAt`; the same options and interval give the same bytes. Each call starts over. */
  messages(intervalMs?: number): Generator<FleetMessage, never>;
}

const INTERVAL_MS_DEFAULT = 1000;

/** INVALID_INPUT for an unknown type, an id that is none, or one that is there twice. */
export function createFleet(options: FleetOptions): Fleet {
  const { devices, startAt } = options;
  checkDevices(devices);
  const features = { ...allFeatures(true), demo: false, ...options.features };
  const seed = String(options.seed);
  const demoRoles = castDemo(devices);

  function* messages(intervalMs: number = INTERVAL_MS_DEFAULT): Generator<FleetMessage, never> {
    const running = devices
      .map(({ id, type }) => ({
        id,
        device: createSimulatedDevice({ id, profile: profileOf(type), seed, features, demoRoles, startAt }),
        // Devices do not sample in step with each other.
        phaseMs: Math.floor(createRandom(`${seed}/${id}/phase`).next() * intervalMs),
      }))
      .toSorted((a, b) => a.phaseMs - b.phaseMs);
    for (let round = 0; ; round++) {
      for (const { id, device, phaseMs } of running) {
        const at = Math.floor(startAt + round * intervalMs) + phaseMs;
        for (const parcel of device.tick(at)) yield messageOf(id, at, parcel);
      }
    }
  }

  return { devices, startAt, messages };
}

/** `count` devices with telling names, types in turn. `prefix` keeps them apart from others that are called so. */
export function nameFleet(count: number, prefix = ""): readonly FleetDevice[] {
  const types = ["cold-room", "pump", "air-quality"] as const;
  const digits = String(Math.ceil(count / types.length)).length;
  return Array.from({ length: count }, (_, index) => {
    const type = types[index % types.length] ?? types[0];
    const number = String(Math.floor(index / types.length) + 1).padStart(Math.max(2, digits), "0");
    return { id: `${prefix}${type}-${number}`, type };
  });
}

function messageOf(deviceId: string, at: number, parcel: Parcel): FleetMessage {
  const body = parcel.length === 1 ? parcel[0] : parcel;
  return { deviceId, at: parcel.at(-1)?.ts ?? at, sendAt: at, payload: Buffer.from(JSON.stringify(body)) };
}

function checkDevices(devices: readonly FleetDevice[]): void {
  if (devices.length === 0) throw new MillraceError("INVALID_INPUT", "a fleet needs at least one device");
  const seen = new Set<string>();
  for (const { id, type } of devices) {
    profileOf(type);
    if (!isId(id)) {
      throw new MillraceError(
        "INVALID_INPUT",
        `${JSON.stringify(id)} is no device id: 1–${LIMITS.idCharactersMax} of A–Z a–z 0–9 _ . : -`,
      );
    }
    if (seen.has(id)) throw new MillraceError("INVALID_INPUT", `device ${id} is in the fleet twice`);
    seen.add(id);
  }
}
