import { requireIds } from "./history-limits.ts";
import { createClickHouseLink } from "./clickhouse-link.ts";
import type { ConnectionSource } from "./clickhouse-connection.ts";

const DEVICE_TABLES = [
  "readings",
  "latest_readings",
  "aggregates",
  "alarm_events",
  "quarantine",
  "dead_letters",
  "device_events",
] as const;

/**
 * Deletes the rows of a device that was removed; resolves when no query sees them any more. The bytes leave the disk with later merges.
 * Rows that the sink has yet to insert come afterwards: call it once the device's records have been read. Errors: INVALID_INPUT,
 * SINK_UNAVAILABLE, SINK_REFUSED.
 */
export async function eraseDevice(connection: ConnectionSource, tenant: string, device: string): Promise<void> {
  requireIds(tenant, device);
  const link = createClickHouseLink(connection);
  try {
    for (const table of DEVICE_TABLES) {
      await link.command(`DELETE FROM ${table} WHERE tenant = {tenant:String} AND device = {device:String}`, {
        tenant,
        device,
      });
    }
  } finally {
    await link.close();
  }
}
