import type { Device } from "../../../core/registry.ts";

export const DEVICE_SORTS = ["id", "type", "seen"] as const;
export type DeviceSortKey = (typeof DEVICE_SORTS)[number];
export interface DeviceSort {
  readonly key: DeviceSortKey;
  readonly descending: boolean;
}

/** Reads `id`, `-seen`. Anything else sorts by id. */
export function parseDeviceSort(text: string | null): DeviceSort {
  const descending = text?.startsWith("-") ?? false;
  const key = DEVICE_SORTS.find((name) => name === text?.replace(/^-/, "")) ?? "id";
  return { key, descending };
}

export function formatDeviceSort({ key, descending }: DeviceSort): string {
  return `${descending ? "-" : ""}${key}`;
}

/** Numbers inside ids count as numbers: pump-2 stands before pump-10. Ascending "seen" is the longest silent first. */
export function sortDevices(
  devices: readonly Device[],
  sort: DeviceSort,
  lastSeen: (device: Device) => number | null,
): readonly Device[] {
  const collator = new Intl.Collator("en", { numeric: true });
  const byId = (a: Device, b: Device) => collator.compare(a.id, b.id);
  const compare = {
    id: byId,
    type: (a: Device, b: Device) => collator.compare(a.type ?? "", b.type ?? "") || byId(a, b),
    seen: (a: Device, b: Device) => (lastSeen(a) ?? 0) - (lastSeen(b) ?? 0) || byId(a, b),
  }[sort.key];
  return [...devices].sort((a, b) => (sort.descending ? compare(b, a) : compare(a, b)));
}
