/** What is less with `--footprint small`, in place of the limit of the same name: a part of `LIMITS`. */
export const FOOTPRINT_LIMITS = {
  // with a small footprint
  /** Of what the dashboard shows of a device before anything new comes; a reading takes 170 bytes with one value, 300 with six. */
  smallRecentReadingsPerDeviceMax: 60,
  smallRecentReadingsMax: 10_000,
  /** Unless it is set. A key takes 350 bytes. */
  smallIdempotencyKeysMax: 5000,
  /** With a snapshot the log deletes the units before it in one transaction, and touches all pages on which they lie: 50 MB of 2000 of each partition. */
  smallSnapshotAfterUnits: 500,
} as const;
