const KIB = 1024;
const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** The ceilings of users' functions: a part of `LIMITS`. */
export const FUNCTION_LIMITS = {
  // users' functions
  /**
   * Of a function with all that it imports, as JSON text: it lies in every partition's log and state, and each loads its own. All that may
   * run is 32 × 128 KiB = 4 MiB, 128 MiB of functionMemoryMibDefault in a thread with 32 partitions (125 MiB measured), or twice that where
   * each has a character beyond Latin-1. What they keep and compile comes on top.
   */
  functionCodeBytesMax: 128 * KIB,
  functionNameCharactersMax: 63,
  functionsMax: 32,
  /** That a join keeps of one side of a key, to meet what comes later: more is told, and not kept. */
  joinReadingsPerSideMax: 1000,
  /** In event time, that a join remembers how far a key has come of which it keeps nothing any more. */
  joinKeyIdleMs: 24 * 60 * MINUTE,
  /** Stages of their own that functions may have, each with threads of its own, and how long their names may be. */
  functionStagesMax: 8,
  functionStageCharactersMax: 31,
  /** What a deploy may give a stage of its own: CPU time of a call, and heap of each of its threads. */
  stageCallMsMin: 10,
  stageCallMsMax: MINUTE,
  stageMemoryMibMin: 16,
  stageMemoryMibMax: 4096,
  /** What a stage without functions may still take to work off what lies before its end. Then it is ended all the same. */
  functionStageEndMsMax: MINUTE,
  /** CPU time that a function's module may take to be loaded, before it is deployed. */
  functionLoadMsMax: 5 * SECOND,
  /** What is read of the answer of a process that has loaded code for a check: names, and shapes of what functions keep. */
  functionCheckBytesMax: 4 * 1024 * KIB,
  /** The same where versions are compared, or an output is explained. */
  confinedAnswerBytesMax: 64 * 1024 * KIB,
  /** Requests that wait for such a process: one runs at a time. */
  functionChecksWaitingMax: 8,
  /** Heap of a thread in which code is loaded for a check: a quarter of functionMemoryMibDefault. */
  functionCheckHeapMib: 128,
  /** What `millrace record` writes into one fixture. */
  recordedReadingsMax: 100_000,

  // canaries
  /** Between two looks at those that run. */
  canaryLookMs: SECOND,
  /** Steps of a rollout, and how long one may take. */
  canarySharesMax: 10,
  canaryStepMsMin: SECOND,
  canaryStepMsMax: 7 * 24 * 60 * MINUTE,
  /** Calls of a step that both versions had, before the next begins. */
  canaryCallsMin: 20,
  /**
   * Calls on which the canary failed and the live version did not, less the other way round: so many, when they are more than this share of the
   * calls that came to anything, take it back.
   */
  canaryFailuresMin: 3,
  canaryFailedShareMax: 0.01,

  // versions compared over the last minutes
  /** What may be asked for, by default and at most; readings and their bytes that are run; how long that may take; and who waits for it. */
  shadowSpanMsDefault: 5 * MINUTE,
  shadowSpanMsMax: 60 * MINUTE,
  shadowRecordsMax: 20_000,
  shadowBytesMax: 16 * 1024 * KIB,
  shadowMsMax: 10 * SECOND,
  shadowWaitingMax: 4,

  // functions over the past
  /** Threads of a backtest, this many at most: more than machines have cores for it. */
  backtestThreadsMax: 64,

  // functions that are explained
  /** Of the thread in which a function runs again for an explanation. */
  whyRunMsMax: 10 * SECOND,
  whyRunMemoryMibMax: 256,

  // functions that misbehave
  /** A call of a function may take so long by default: twice that, of a record that hangs, and its neighbours still wait for about two seconds, those in other partitions for one. */
  functionTimeoutMsDefault: SECOND / 2,
  /** Of a process of a stage, beside what its threads may have: Node's own, and what V8 keeps outside of heaps. */
  functionProcessMib: 192,
  /** What the file of state that memory does not hold may keep of itself in memory, for each thread. */
  coldCacheMib: 32,
  /** The heap of a thread by default. */
  functionMemoryMibDefault: 512,
  /**
   * Garbage that may lie on it beyond that, during one call: V8 collects before its heap is half way from what is kept to its ceiling, or somewhat later. And what one step may
   * add: a Map's largest takes 0.5 GB. Behind that ceiling there is only the end of the process. With it at 2 GiB, V8 would let garbage grow to four times what is kept in place of
   * twice.
   */
  heapGarbageMib: 832,
  heapStepMib: 640,
  /** Between two looks at what a thread of functions does. */
  functionWatchMs: 100,
  /** A thread of functions that does nothing, and does not turn its event loop either. */
  functionSilenceMsMax: 10 * SECOND,
  /** The longest pause before such a thread is started again, and how long one must live to be begun with none. */
  functionRestartDelayMsMax: 30 * SECOND,
  functionSettledMs: MINUTE,
  /** A stage is paused when most of its last records died, tried again with a few, and paused for longer if most of those die too. */
  breakerWindowRecords: 200,
  breakerRecordsMin: 50,
  breakerTrialRecords: 10,
  breakerPauseMsMin: 10 * SECOND,
  breakerPauseMsMax: 10 * MINUTE,
  redrivesPerDeadLetterMax: 3,
  /** With one request. */
  redriveBatchMax: 100,
  /** Of a payload that is put in the place of a dead letter's, in base64: with all around it the control record is still a record. */
  editedPayloadCharactersMax: 512 * KIB,
  /** What is read of the log to find a record's headers, and records per second that one may ask for. */
  redriveReadBytesMax: 4 * KIB,
  redriveRateMax: 1000,
  /** That a device's partition remembers, so that none is run twice. */
  redrivesPerDeviceMax: 1000,
  /** Of what the functions of a thread print: more is dropped. */
  functionLogLinesPerSecond: 50,
  functionLogCharactersPerSecond: 64 * KIB,
  functionLogLineCharactersMax: 2000,
  /** Records that are worked one by one to find what has killed a thread from behind: more than it has under way at once. */
  functionSearchRecords: 100_000,
  /** More deaths of one step than this, each in another call of it: then who is marked says little. */
  deathsOfStepMax: 4,
  /** Calls in which such a thread has died that are remembered: the oldest goes. */
  suspectsMax: 100,
} as const;
