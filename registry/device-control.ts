import type { ControlRecord } from "../core/control.ts";
import type { Tables } from "./schema.ts";
import { parseLabels } from "./parse-labels.ts";

type DeviceRow = Tables["devices"];

/** Tells the device's partition how the device stands now. */
export function deviceControl(row: DeviceRow): (revision: number) => ControlRecord {
  return (revision) => ({
    v: 1,
    kind: "device",
    revision,
    removed: false,
    device: {
      tenant: row.tenant,
      id: row.id,
      type: row.type,
      labels: parseLabels(row.labels),
      disabled: row.disabled !== 0,
    },
  });
}

/** Tells the device's partition to erase its state. Says nothing of the device but its id. */
export function deviceRemovedControl(tenant: string, id: string): (revision: number) => ControlRecord {
  return (revision) => ({
    v: 1,
    kind: "device",
    revision,
    removed: true,
    device: { tenant, id, type: null, labels: {}, disabled: true },
  });
}
