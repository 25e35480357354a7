const SECOND = 1000;

/** The ceilings of traces: a part of `LIMITS`. */
export const TRACE_LIMITS = {
  // traces
  /** Spans of one thread that wait for the collector; of more the newest are dropped, and counted. */
  traceQueueSpansMax: 4096,
  /** Spans of one request to the collector, and how long they gather. */
  traceBatchSpansMax: 512,
  traceLingerMs: SECOND,
  traceRequestTimeoutMs: 10 * SECOND,
  /** The longest pause between two tries of a collector that is away. */
  traceRetryDelayMsMax: 30 * SECOND,
  /** What an answer of the collector may say; the rest is not read. */
  traceAnswerBytesMax: 4096,
  /** For what still waits when a thread stops. */
  traceFlushMsMax: 2 * SECOND,
  /** Messages of one gateway whose sender asks for a trace (traceparent): of more in a second the sender's wish does not count. */
  traceparentsPerSecondMax: 100,
  /** Records that a stage makes of a sampled record and that carry its trace on. Of more, such as those of a flush, the last. */
  tracedOutputsPerRecordMax: 64,
  /** Rows of sampled records in one insert, and alarms that are remembered until their webhook was called. */
  tracedRowsPerInsertMax: 1024,
  tracedAlarmsMax: 1024,
} as const;
