import { MillraceError } from "../core/errors.ts";
import { airQuality } from "./profiles/air-quality.ts";
import { coldRoom } from "./profiles/cold-room.ts";
import type { DeviceProfile } from "./profiles/profile.ts";
import { pump } from "./profiles/pump.ts";

const PROFILES: readonly DeviceProfile[] = [coldRoom, pump, airQuality];

export const SIMULATED_TYPES: readonly string[] = PROFILES.map((profile) => profile.type);

/** INVALID_INPUT when no profile has that type. */
export function profileOf(type: string): DeviceProfile {
  const profile = PROFILES.find((candidate) => candidate.type === type);
  if (profile) return profile;
  throw new MillraceError("INVALID_INPUT", `devices of type ${JSON.stringify(type)} cannot be simulated`, {
    remedy: `Types that can: ${SIMULATED_TYPES.join(", ")}.`,
  });
}
