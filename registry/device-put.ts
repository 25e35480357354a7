import { setImmediate as nextTurn } from "node:timers/promises";
import { MillraceError } from "../core/errors.ts";
import { deviceKey } from "../core/ids.ts";
import type { DeviceInput } from "../core/registry.ts";
import { canonicalJson } from "./canonical-json.ts";
import type { Change } from "./change-writer.ts";
import { deviceControl } from "./device-control.ts";
import { checkDeviceInputs } from "./device-input.ts";
import { checkGatewaysExist } from "./device-via.ts";
import { inChunks, type Tables } from "./schema.ts";
import { ensureTenants } from "./tenants.ts";

type DeviceRow = Tables["devices"];

/** `update` keeps what an input leaves out; `replace` sets it to its default, as a document that declares the device does. */
export type PutMode = "update" | "replace";

/** What stages know of a device. */
const STAGE_FIELDS: ReadonlySet<string> = new Set(["type", "labels"]);
/** What decides who may publish for whom: who has been told otherwise has to ask again. */
const EDGE_FIELDS: ReadonlySet<string> = new Set(["gateway", "provisions", "via"]);

export interface PutTally {
  created: number;
  changed: number;
  unchanged: number;
}

/** Creates or changes devices inside a transaction. INVALID_INPUT names the device and why. */
export async function putDevices(change: Change, inputs: readonly DeviceInput[], mode: PutMode): Promise<PutTally> {
  checkDeviceInputs(inputs);
  await ensureTenants(change, new Set(inputs.map(({ tenant }) => tenant)));
  const tally: PutTally = { created: 0, changed: 0, unchanged: 0 };
  for (const [tenant, devices] of Map.groupBy(inputs, (device) => device.tenant)) {
    await checkTypesExist(change, tenant, devices);
    await checkGatewaysExist(change, tenant, devices, mode === "update");
    for (const chunk of inChunks(devices)) {
      await putChunk(change, tenant, chunk, mode, tally);
      // A large import is many statements: let the rest of the process breathe between them.
      await nextTurn();
    }
  }
  return tally;
}

async function putChunk(
  change: Change,
  tenant: string,
  inputs: readonly DeviceInput[],
  mode: PutMode,
  tally: PutTally,
): Promise<void> {
  const ids = inputs.map(({ id }) => id);
  const rows = await change.trx
    .selectFrom("devices")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("id", "in", ids)
    .execute();
  const known = new Map(rows.map((row) => [row.id, row]));
  const written: DeviceRow[] = [];
  for (const input of inputs) {
    const before = known.get(input.id);
    const row = nextRow(input, before, mode, change.at);
    const fields = before === undefined ? ["created"] : changedFields(before, row);
    tally[before === undefined ? "created" : fields.length > 0 ? "changed" : "unchanged"]++;
    if (fields.length === 0) continue;
    written.push(row);
    // Field names only: names and labels may be personal, and the audit outlives the device.
    const detail = before === undefined ? "" : fields.join(", ");
    change.audit(before === undefined ? "device.created" : "device.changed", `device ${tenant}/${row.id}`, detail);
    const key = deviceKey(tenant, row.id);
    if (before === undefined || fields.some((field) => STAGE_FIELDS.has(field)))
      change.control(key, deviceControl(row));
    if (before !== undefined && fields.some((field) => EDGE_FIELDS.has(field))) change.revoke(key);
  }
  if (written.length > 0) await upsertDevices(change, written);
}

function nextRow(input: DeviceInput, before: DeviceRow | undefined, mode: PutMode, at: number): DeviceRow {
  const kept = mode === "update" ? before : undefined;
  const name = input.name ?? kept?.name ?? input.id;
  const gateway = flag(input.gateway, kept?.gateway);
  if (gateway === 0 && input.provisions === true) {
    throw new MillraceError("INVALID_INPUT", `device "${input.id}": provisions: only a gateway creates devices`);
  }
  return {
    tenant: input.tenant,
    id: input.id,
    name,
    type: input.type === undefined ? (kept?.type ?? null) : input.type,
    labels: input.labels === undefined ? (kept?.labels ?? "{}") : canonicalJson(input.labels),
    disabled: before?.disabled ?? 0,
    created_at: before?.created_at ?? at,
    search_text: `${input.id}\n${name}`.toLowerCase(),
    gateway,
    provisions: gateway === 0 ? 0 : flag(input.provisions, kept?.provisions),
    via: input.via === undefined ? (kept?.via ?? null) : input.via,
  };
}

function flag(said: boolean | undefined, kept = 0): number {
  if (said === undefined) return kept;
  return said ? 1 : 0;
}

function changedFields(before: DeviceRow, after: DeviceRow): string[] {
  const fields = ["name", "type", "labels", "gateway", "provisions", "via"] as const;
  return fields.filter((field) => before[field] !== after[field]);
}

async function upsertDevices(change: Change, rows: readonly DeviceRow[]): Promise<void> {
  await change.trx
    .insertInto("devices")
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(["tenant", "id"]).doUpdateSet((eb) => ({
        name: eb.ref("excluded.name"),
        type: eb.ref("excluded.type"),
        labels: eb.ref("excluded.labels"),
        search_text: eb.ref("excluded.search_text"),
        gateway: eb.ref("excluded.gateway"),
        provisions: eb.ref("excluded.provisions"),
        via: eb.ref("excluded.via"),
      })),
    )
    .execute();
}

async function checkTypesExist(change: Change, tenant: string, devices: readonly DeviceInput[]): Promise<void> {
  if (devices.every(({ type }) => type === undefined || type === null)) return;
  const rows = await change.trx.selectFrom("device_types").select("id").where("tenant", "=", tenant).execute();
  const known = new Set(rows.map(({ id }) => id));
  for (const { id, type } of devices) {
    if (type === undefined || type === null || known.has(type)) continue;
    throw new MillraceError("INVALID_INPUT", `device "${id}": type "${type}" does not exist in tenant "${tenant}"`, {
      remedy: known.size > 0 ? `Types that exist: ${[...known].slice(0, 20).join(", ")}.` : "Apply the type first.",
    });
  }
}
