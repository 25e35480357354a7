import { deviceKey } from "../core/ids.ts";
import { isRepartitioned } from "../core/is-repartitioned.ts";
import type { FunctionCall } from "./function-call.ts";

/** The key of what a function sends to the partition of another key than its device's, of the same tenant. TypeError for what is none. */
export function keyOfRepartitioned({ placed, tenant }: FunctionCall, value: object): string {
  const { fn } = placed;
  if (!isRepartitioned(value) || value.tenant !== tenant || value.function !== fn.name) {
    throw new TypeError(`${fn.name} sends what is no reading of its own to the partition of another key`);
  }
  return deviceKey(value.tenant, value.key);
}
