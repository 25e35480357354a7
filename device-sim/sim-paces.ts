/** How patient and how lively the simulator is; its ceilings stand in core/limits.ts. */
export const SIM_PACES = {
  connectTimeoutMs: 10_000,
  keepAliveSeconds: 60,
  /** Between two progress reports. */
  progressMs: 200,
  /** How long a stopping fleet waits for the acknowledgements that are still out. */
  stopGraceMs: 3000,
  /** After the first failed connection of a device; it doubles up to `replayRetryDelayMsMax`. */
  retryDelayMs: 100,
} as const;
