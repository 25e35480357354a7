import { AUTOSCALE_LIMITS } from "./autoscale-limits.ts";
import { EDGE_LIMITS } from "./edge-limits.ts";
import { FOOTPRINT_LIMITS } from "./footprint-limits.ts";
import { FORWARD_LIMITS } from "./forward-limits.ts";
import { FUNCTION_LIMITS } from "./function-limits.ts";
import { REPLAY_LIMITS } from "./replay-limits.ts";
import { STAGE_LIMITS } from "./stage-limits.ts";
import { TRACE_LIMITS } from "./trace-limits.ts";
import { WHY_LIMITS } from "./why-limits.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * Every ceiling of the system. What comes from outside and breaches one gets a typed error, with a test; of what is only kept for show
 * the oldest goes. Units stand last in the name. `docs/limits.md` is generated from this table.
 */
export const LIMITS = {
  ...EDGE_LIMITS,
  ...AUTOSCALE_LIMITS,
  ...FOOTPRINT_LIMITS,
  ...FORWARD_LIMITS,
  ...FUNCTION_LIMITS,
  ...REPLAY_LIMITS,
  ...STAGE_LIMITS,
  ...TRACE_LIMITS,
  ...WHY_LIMITS,

  // ids and registry
  idCharactersMax: 128,
  /** Of devices, types and rules: what people read. */
  nameCharactersMax: 200,
  unitCharactersMax: 32,
  labelsPerDeviceMax: 50,
  labelCharactersMax: 256,
  windowsPerTypeMax: 4,
  rulesPerTenantMax: 1000,
  /**
   * A reference table goes as one control record into every partition, and lies in the state of each, parsed. All that a tenant may have is
   * 16 × 64 KiB = 1 MiB of JSON, 32 MiB in a thread with 32 partitions: measured, 50 MiB of its functionMemoryMibDefault with rows of a few
   * columns, 200 MiB with nothing but short numbers, 440 MiB with nothing but empty lists.
   */
  referenceTableCharactersMax: 64 * KIB,
  referenceTablesPerTenantMax: 16,
  tokenCharactersMin: 8,
  tokenCharactersMax: 256,
  searchCharactersMax: 200,
  /** How many devices a gateway may have to create more of them. */
  devicesPerGatewayMax: 10_000,
  importDevicesMax: 100_000,
  /** Lines of a file that cannot be taken, named at once. */
  importFaultsMax: 10,
  /** Larger documents than people write by hand; devices in bulk come through the CSV import. */
  configurationCharactersMax: 4 * MIB,
  configurationAliasesMax: 100,
  /** Longer words are not compared with those that may have been meant. */
  comparedWordCharactersMax: 64,

  // log
  lingerMsMax: 5,
  groupCommitBytesMax: 8 * MIB,
  appendQueueBytesMax: 64 * MIB,
  recordBytesMax: MIB,
  partitionsMax: 1024,
  fetchBytesMax: 4 * MIB,
  /** Of a scan beside other work of its thread, in one turn: decoding and reading it takes some 5 ms. */
  scanBytesMax: 512 * KIB,
  /** Commits that are looked through before the event loop gets a turn, whether or not they hold what is read. */
  readScanBytesMax: 16 * MIB,
  /** What one transaction of retention deletes, so that deleting never holds a commit up. */
  retentionSliceBytesMax: 2 * MIB,
  retentionSliceCommitsMax: 256,
  /** Encoding buffers that grew beyond this are let go when little of them is used, so that one large burst does not stay in memory. */
  keptBufferBytesMax: 256 * KIB,
  /** What a start looks through of the log's file, for as long as it may: damage behind it is met when it is read. */
  checkedPagesMax: 65_536,
  checkedPagesMsMax: 1000,
  /** Kafka: a batch takes no more records when it has this size, and a request no more batches. */
  produceBatchBytesMax: MIB,
  produceRequestBytesMax: 8 * MIB,
  /** What the topics take as one batch: an append, and in journals a step of a stage, each with room to spare. */
  topicBatchBytesMax: 9 * MIB,
  journalBatchBytesMax: 65 * MIB,
  /** The records of a compressed batch, expanded: a few bytes in a topic must not fill the memory of all who read it. */
  expandedBatchBytesMax: 65 * MIB,
  kafkaRetryDelayMsMax: SECOND,
  /** How long a member of a consumer group may take to commit and give up partitions. */
  kafkaRebalanceTimeoutMs: 30 * SECOND,
  kafkaConnectTimeoutMs: 5 * SECOND,
  kafkaRequestTimeoutMs: 10 * SECOND,
  /** After this an append is answered with an error, though Kafka may still take it. */
  kafkaAppendTimeoutMs: 30 * SECOND,
  /** A fetch waits no longer at the broker, so that a reader soon hears that it has to stop or that a leader moved. */
  kafkaFetchWaitMsMax: SECOND,
  /** A consumer further behind is reported as a fault. */
  consumerLagRecordsMax: 100_000,
  /** A consumer that has not moved for longer in a partition where something waits is a fault. Above two calls that time out, with the starts between them. */
  standingMsMax: 3 * MINUTE,
  /** Records in flight that are read for a look at the overview; with more the values are not checked. */
  overviewScanRecordsMax: 100_000,
  logBytesDefault: 8 * 1024 * MIB,
  logRetentionMsDefault: 7 * DAY,

  // registry
  registryConnectionsMax: 10,
  registryConnectTimeoutMs: 5 * SECOND,
  registryLockTimeoutMs: 20 * SECOND,
  registryStatementTimeoutMs: 30 * SECOND,
  registryIdleTransactionTimeoutMs: 30 * SECOND,
  registryAnswerTimeoutMs: MINUTE,
  registryMigrationWaitMs: 5 * MINUTE,
  registryConflictAttemptsMax: 5,
  registryChangesWaitingMax: 1000,

  // time
  eventTimeMin: Date.UTC(2000, 0, 1),
  eventTimeAheadMsMax: 10 * MINUTE,
  allowedLatenessMsDefault: HOUR,
  idleMsDefault: MINUTE,
  tickIntervalMs: 250,
  receiveClockStepMsMax: 5 * SECOND,
  receiveClockSettleMs: MINUTE,
  /** How far a record's receive time may lie ahead of the clock of who reads it before that is said, and how long it must not until it is over. */
  clockSkewMs: 2 * SECOND,
  clockSkewSettleMs: 2 * MINUTE,

  // sinks
  insertRowsMax: 200_000,
  insertLingerMs: 1000,
  insertBytesMax: 48 * MIB,
  insertTimeoutMs: 60 * SECOND,
  /** Above querySecondsMax, so that ClickHouse itself says what took too long. */
  queryTimeoutMs: 25 * SECOND,
  /** Of what changes tables: DDL, deletions, roll-ups. */
  tableCommandTimeoutMs: 10 * MINUTE,
  /** Failures in a row that open the breaker of a sink's destination. */
  sinkFailuresMax: 3,
  /** The longest pause between two probes of a ClickHouse that is away. */
  insertRetryDelayMsMax: 10 * SECOND,
  /** Between two rounds of roll-ups: buckets that change meanwhile are computed once. */
  rollupDelayMs: 5 * SECOND,
  /** Days of their retention. A bucket must outlive the day that it is part of. */
  rollupDaysMin: 2,
  rollupDaysMax: 36_500,
  /** Stretches of a range that are not in the roll-ups: with more of them a series is made of readings. */
  rollupGapsMax: 50,
  /** What one poll of a sink takes from the log. */
  sinkFetchBytesMax: MIB,
  /** Some hundreds of alarms, applied in one transaction: others wait for their turn of the thread. */
  alarmFetchBytesMax: 128 * KIB,
  clickhouseConnectionsMax: 8,
  /** Of the user for dashboards and people that `millrace clickhouse-sql` makes. */
  readerResultRowsMax: 100_000,
  readerRowsToReadMax: 1_000_000_000,
  readerQueriesMax: 8,
  chdbMemoryBytesMax: 1024 * MIB,
  chdbStatementBytesMax: MIB,
  chdbRestartDelayMsMax: 30 * SECOND,
  webhooksMax: 16,
  /** Requests at once to one destination: a receiver that hangs holds up nobody else's. */
  requestsPerWebhookMax: 4,
  /** Notifications looked at in one round. */
  webhookRoundRowsMax: 500,
  webhookTimeoutMs: 10 * SECOND,
  webhookRetryDelayMsMax: 10 * MINUTE,
  /** The longest pause between two probes of a destination whose breaker is open. */
  webhookHoldMsMax: 30 * SECOND,
  webhookAgeMsMax: 3 * DAY,
  webhookErrorCharactersMax: 300,
  /** After a failure of the log or the registry. */
  notifyRecoverDelayMsMax: 30 * SECOND,
  /** Faults of the platform that wait for the registry. */
  waitingFaultsMax: 200,
  /** Events of one part between two looks of the watch, a second apart: who has more to say says the same again and again. */
  faultEventsMax: 20,

  // API
  apiBodyBytesMax: MIB,
  apiRequestTimeoutMs: 30 * SECOND,
  apiHandlerTimeoutMs: 30 * SECOND,
  auditTimeoutMs: 30 * MINUTE,
  /** How long a command waits for an answer: longer than the API takes to say that it took too long. */
  commandAnswerMsMax: 40 * SECOND,
  pageSizeMax: 1000,
  flushDevicesMax: 1000,
  chartPointsMax: 2000,
  queryRangeMsMax: 10 * 366 * DAY,
  querySecondsMax: 20,
  queryThreadsMax: 2,
  queryMemoryBytesMax: 400 * MIB,
  cursorCharactersMax: 1024,
  credentialCharactersMax: 512,
  /** A path segment: an id of 128 characters, percent-encoded. */
  pathSegmentCharactersMax: 400,
  problemDetailsMax: 20,
  problemTextCharactersMax: 300,
  sessionMs: 12 * HOUR,
  sessionsMax: 10_000,
  signInCodeMs: HOUR,
  signInCodesMax: 1000,
  /** Sign-in attempts per address: this many at once, then one per interval. */
  signInBurst: 10,
  signInIntervalMs: 6 * SECOND,
  signInAddressesMax: 10_000,

  // live hub
  dashboardClientsMax: 500,
  /** Above this many unsent bytes nothing more is written to a browser: its updates conflate. */
  dashboardBufferBytesMax: MIB,
  /** A browser that stays above dashboardBufferBytesMax for this long is dropped. */
  slowClientMs: 15 * SECOND,
  clientMessageBytesMax: 64 * KIB,
  clientMessagesPerSecondMax: 50,
  clientErrorsMax: 20,
  watchedDevicesMax: 300,
  /** Readings or alarm events waiting for one client; more are skipped and reported as `missed`. */
  pendingEventsMax: 5000,
  /** One frame carries at most this many readings or alarm events. */
  eventsPerFrameMax: 1000,
  throughputPointsMax: 900,
  lastValueDevicesMax: 100_000,
  /** Twice metricsPerReadingMax. */
  lastValueMetricsPerDeviceMax: 400,
  recentReadingsPerDeviceMax: 240,
  recentReadingsMax: 50_000,
  recentAlarmsPerDeviceMax: 1000,
  /** Newest records of each topic that are read at start to know last values. */
  scanRecordsMax: 1_000_000,
  hubFetchBytesMax: MIB,

  // browser
  browserDevicesMax: 20_000,
  browserAlarmsMax: 5000,
  browserPointsPerMetricMax: 20_000,
  browserMessagesWaitingMax: 500,
  browserReconnectDelayMsMax: 10 * SECOND,

  // simulator and replay
  /** Messages of one simulated device that are not acknowledged yet. */
  simulatedUnacknowledgedMax: 100,
  /** One credential per device means one connection per device. */
  simulatorConnectionsMax: 5000,
  /** New connections that are under way at once. */
  simulatorConnectingMax: 50,
  /** Least time between two samples of one simulated device. */
  simulatorIntervalMsMin: 10,
  /** A simulated device's buffer while it has no link; when it is full the oldest reading is lost. */
  simulatorHeldReadingsMax: 500,
  /** Messages of one device that wait for room in its window. */
  replayQueuedMessagesMax: 1000,
  replayRetryDelayMsMax: 5 * SECOND,
  /** Connections in a row that were accepted but acknowledged nothing before a replay gives up on the device. */
  replayFruitlessConnectionsMax: 20,
  csvRowBytesMax: MIB,
} as const;

/** The same names with numbers of one's own choice: tests pass smaller ones. */
export type Limits = { readonly [Name in keyof typeof LIMITS]: number };
