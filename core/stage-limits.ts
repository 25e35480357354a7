const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** The ceilings of stages and what they keep: a part of `LIMITS`. */
export const STAGE_LIMITS = {
  // stage
  unitIdleMs: 10,
  unitBacklogMs: 25,
  /** At most, of a stage that is late. */
  unitLateMs: 500,
  /** So long others of a stage's thread wait at most. */
  stageBreathMs: 100,
  unitRecordsMax: 2000,
  unitBytesMax: 2 * MIB,
  timersPerUnitMax: 1000,
  timersPerMessageMax: 1000,
  timerOutputBytesPerMessageMax: 4 * MIB,
  stepBytesMax: 32 * MIB,
  /** About what a slot of state may take as text: it is written with each unit in which it changes, and with each snapshot. */
  stateSlotBytesMax: 4 * MIB,
  metricsPerWindowMax: 2000,
  unitsInFlightPerPartitionMax: 4,
  /** Of those, with their outputs: so much of 32 partitions is what the log's queue takes. */
  unitBytesInFlightPerPartitionMax: 2 * MIB,
  /** Of an append of the relay; devices are told in thousands when the users' stage begins. */
  controlRecordsPerAppendMax: 500,
  /** Between two attempts at a restore, or at writing ticks and control records. */
  stageRetryDelayMsMax: 5 * SECOND,
  /** What a processor thread keeps of partitions that others work now, for when they come back: so many, about so many bytes, so long. */
  warmPartitionsMax: 64,
  warmPartitionsBytesMax: 512 * MIB,
  warmPartitionsMsMax: 10 * MINUTE,
  snapshotAfterUnits: 2000,
  snapshotAfterBytes: 16 * MIB,
  snapshotIdleUnits: 50,
  snapshotIdleMs: 3 * SECOND,
  snapshotChunkBytes: 512 * KIB,
  readingsPerMessageMax: 1000,
  metricsPerReadingMax: 200,
  metricNameBytesMax: 128,
  textValueBytesMax: 4 * KIB,
  jsonDepthMax: 16,
  quarantinePayloadBytesMax: 4 * KIB,
  quarantineMetricCharactersMax: 256,
  deadLetterErrorCharactersMax: 2000,
  /** Of causes of causes, and of errors in errors. */
  deadLetterErrorDepthMax: 4,
  deadLetterStackLinesMax: 8,
  /** Of what a function keeps or emits. */
  functionValueDepthMax: 32,
  functionEventCharactersMax: 1000,
  /** Of one call of a user's function: events are for people, and the table of them is everybody's. */
  eventsPerCallMax: 20,
  /** Of a hopping window: so many windows are changed by one reading. */
  windowsPerReadingMax: 100,
  slidingReadingsMax: 10_000,
  countWindowReadingsMax: 1_000_000,
  dedupeEntriesPerDevice: 512,
  windowMsMin: SECOND,
  windowMsMax: 31 * DAY,
} as const;
