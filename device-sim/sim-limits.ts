/** Ceilings of the simulator itself; what the broker allows stands in core/limits.ts. */
export const SIM_LIMITS = {
  /** One credential per device means one connection per device. */
  connectionsMax: 5000,
  /** New connections that are under way at once. */
  connectingMax: 50,
  connectTimeoutMs: 10_000,
  /** Between two progress reports. */
  progressMs: 200,
  /** How long a stopping fleet waits for the acknowledgements that are still out. */
  stopGraceMs: 3000,
  /** Least time between two samples of one simulated device. */
  intervalMsMin: 10,
  /** Messages of one device that wait for room in its window. */
  queuedMessagesMax: 1000,
  backoffMsMin: 100,
  backoffMsMax: 5000,
  keepAliveSeconds: 60,
  /** Connections in a row that were accepted but acknowledged nothing before a replay gives up on the device. */
  fruitlessConnectionsMax: 20,
  csvRowBytesMax: 1024 * 1024,
} as const;
