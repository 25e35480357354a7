import { createHash } from "node:crypto";

export interface FuzzDevice {
  readonly id: string;
  readonly token: string;
}

/** Who publishes and pings beside the cases, on a device of its own. */
export const CANARY = fuzzDevice("canary");
export const FUZZ_DEVICES: readonly FuzzDevice[] = Array.from({ length: 8 }, (_, index) => fuzzDevice(`fuzz-${index}`));

/** The token is the same in every run: a case must be the same bytes again. */
function fuzzDevice(id: string): FuzzDevice {
  return { id, token: `mr_d_${createHash("sha256").update(`fuzz ${id}`).digest("base64url")}` };
}

/** In the tenant that a fresh instance has. */
export function topicOf({ id }: FuzzDevice): string {
  return `millrace/default/${id}/telemetry`;
}
