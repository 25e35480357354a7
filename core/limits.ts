const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * Every ceiling of the system. Breaching one is a typed error with a test. Units stand last in the name.
 * `docs/limits.md` is generated from this table.
 */
export const LIMITS = {
  // MQTT edge
  packetBytesMax: 256 * KIB,
  payloadBytesMax: 128 * KIB,
  mqttTopicBytesMax: 256,
  mqttTopicLevelsMax: 15,
  clientIdBytesMax: 128,
  filtersPerSubscribeMax: 20,
  filtersPerConnectionMax: 50,
  unacknowledgedPerConnectionMax: 100,
  connectTimeoutMs: 10 * SECOND,
  authenticateTimeoutMs: 10 * SECOND,
  keepAliveSecondsMax: 1200,
  connectionsMax: 20_000,
  unauthenticatedConnectionsMax: 1000,
  subscriberDrainTimeoutMs: 5 * SECOND,
  subscriberQueueBytesMax: MIB,

  // log
  lingerMsMax: 5,
  groupCommitBytesMax: 8 * MIB,
  appendQueueBytesMax: 64 * MIB,
  recordBytesMax: MIB,
  partitionsMax: 1024,
  fetchBytesMax: 4 * MIB,
  logBytesDefault: 8 * 1024 * MIB,
  logRetentionMsDefault: 7 * DAY,

  // stage
  unitIdleMs: 10,
  unitBacklogMs: 250,
  unitRecordsMax: 1000,
  unitBytesMax: 512 * KIB,
  timersPerUnitMax: 1000,
  timersPerMessageMax: 1000,
  timerOutputBytesPerMessageMax: 4 * MIB,
  stepBytesMax: 32 * MIB,
  metricsPerWindowMax: 2000,
  unitsInFlightPerPartitionMax: 4,
  snapshotAfterUnits: 2000,
  snapshotAfterBytes: 16 * MIB,
  snapshotChunkBytes: 512 * KIB,
  readingsPerMessageMax: 1000,
  metricsPerReadingMax: 200,
  metricNameBytesMax: 128,
  textValueBytesMax: 4 * KIB,
  jsonDepthMax: 16,
  quarantinePayloadBytesMax: 4 * KIB,
  dedupeEntriesPerDevice: 512,
  windowMsMin: SECOND,
  windowMsMax: 31 * DAY,

  // time
  eventTimeMin: Date.UTC(2000, 0, 1),
  eventTimeAheadMsMax: 10 * MINUTE,
  allowedLatenessMsDefault: HOUR,
  idleMsDefault: MINUTE,
  tickIntervalMs: 250,
  receiveClockStepMsMax: 5 * SECOND,
  receiveClockSettleMs: MINUTE,

  // sinks
  insertRowsMax: 200_000,
  insertLingerMs: 1000,
  insertTimeoutMs: 60 * SECOND,
  chdbRestartDelayMsMax: 30 * SECOND,
  webhookTimeoutMs: 10 * SECOND,
  webhookRetryDelayMsMax: 10 * MINUTE,
  webhookAgeMsMax: 3 * DAY,

  // API and dashboard
  apiBodyBytesMax: MIB,
  pageSizeMax: 1000,
  chartPointsMax: 2000,
  queryRangeMsMax: 10 * 366 * DAY,
  dashboardClientsMax: 500,
  dashboardBufferBytesMax: MIB,
  sessionMs: 12 * HOUR,
  signInCodeMs: HOUR,
  rulesPerTenantMax: 1000,
  labelsPerDeviceMax: 50,
} as const;
