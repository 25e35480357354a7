import { z } from "zod";
import { timeSchema } from "./schemas.ts";
import type { SlowDeviceOrder } from "./slow-device-order.ts";

/** How one device reports, as whoever follows `readings` has learned it. */
export interface DevicePace {
  readonly device: string;
  /** Receive time of its last reading, UTC ms. */
  readonly received: number;
  /** Usual time between two messages, ms, never below a second; null until some have come. */
  readonly intervalMs: number | null;
  /** Usual time from event to receipt, ms, of readings that the device dated, 0 where its clock is ahead; null without any. */
  readonly delayMs: number | null;
}

export const slowDeviceSchema = z.object({
  device: z.string(),
  received: timeSchema.nullable().describe("Receive time of its last reading, UTC ms; null when none was seen"),
  silentMs: z.number().nullable().describe("Time since then"),
  intervalMs: z.number().nullable().describe("Usual time between two messages, never below 1000; null until known"),
  silence: z.number().nullable().describe("`silentMs` in usual intervals"),
  delayMs: z.number().nullable().describe("Usual time from event to receipt; null when the device dates nothing"),
  messages: z.number().describe("All that the ledger has of it, and the next three are parts of them"),
  duplicates: z.number(),
  quarantined: z.number(),
  deadLettered: z.number(),
  late: z.number().describe("Readings that came too late for their windows or for alarms"),
});
export type SlowDevice = z.infer<typeof slowDeviceSchema>;

export interface SlowDevicesQuery {
  readonly tenant: string;
  readonly by: SlowDeviceOrder;
  readonly limit: number;
}
