import { deviceKey } from "../../core/ids.ts";
import { partitionOf } from "../../core/partitioner.ts";

/** How much more than the mean the busiest partition gets, when one tenant has `share` of all devices. */
export interface TenantSpread {
  readonly share: number;
  /** As it is: by the key tenant/device. */
  readonly byDevice: number;
  /** If partitions were chosen by tenant. */
  readonly byTenant: number;
}

/** Keys as devices have them, through the partitioner itself. `devices` of them, in `tenants` tenants beside the large one. */
export function spreadOf(share: number, devices: number, tenants: number, partitions: number): TenantSpread {
  const byDevice = new Uint32Array(partitions);
  const byTenant = new Uint32Array(partitions);
  const large = Math.round(devices * share);
  for (let device = 0; device < devices; device += 1) {
    const tenant = device < large ? "large" : `tenant-${device % tenants}`;
    count(byDevice, partitionOf(deviceKey(tenant, `device-${device}`), partitions));
    count(byTenant, partitionOf(tenant, partitions));
  }
  const busiest = (counts: Uint32Array): number => Math.max(...counts) / (devices / partitions);
  return { share, byDevice: busiest(byDevice), byTenant: busiest(byTenant) };
}

function count(counts: Uint32Array, partition: number): void {
  counts[partition] = (counts[partition] ?? 0) + 1;
}
