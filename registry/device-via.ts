import { MillraceError } from "../core/errors.ts";
import type { DeviceInput } from "../core/registry.ts";
import type { Change } from "./change-writer.ts";
import { inChunks } from "./schema.ts";

/**
 * INVALID_INPUT when a device is to publish through what is no gateway of its tenant, before these inputs or with them. `keeps`: what an input
 * leaves out stays as it is.
 */
export async function checkGatewaysExist(
  { trx }: Change,
  tenant: string,
  devices: readonly DeviceInput[],
  keeps: boolean,
): Promise<void> {
  const named = new Set(devices.flatMap(({ via }) => (typeof via === "string" ? [via] : [])));
  if (named.size === 0) return;
  const gateways = new Map<string, boolean>();
  for (const ids of inChunks([...named])) {
    const rows = await trx
      .selectFrom("devices")
      .select(["id", "gateway"])
      .where("tenant", "=", tenant)
      .where("id", "in", ids)
      .execute();
    for (const { id, gateway } of rows) gateways.set(id, gateway !== 0);
  }
  for (const { id, gateway } of devices) {
    if (named.has(id)) gateways.set(id, gateway ?? (keeps && gateways.get(id) === true));
  }
  for (const { id, via } of devices) {
    if (typeof via !== "string") continue;
    if (via === id) throw refused(id, "a device cannot publish through itself");
    const isGateway = gateways.get(via);
    if (isGateway === undefined) throw refused(id, `gateway "${via}" does not exist in tenant "${tenant}"`);
    if (!isGateway) throw refused(id, `"${via}" is no gateway`);
  }
}

function refused(id: string, text: string): MillraceError {
  return new MillraceError("INVALID_INPUT", `device "${id}": via: ${text}`, {
    remedy: "Make the gateway first: millrace devices add GATEWAY --gateway.",
  });
}
