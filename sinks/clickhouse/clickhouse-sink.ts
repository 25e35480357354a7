import { randomUUID } from "node:crypto";
import { untilAborted } from "../../core/aborted.ts";
import { CircuitBreaker } from "../../core/circuit-breaker.ts";
import { errorText, isMillraceError, type MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { createBreakerReport } from "../../core/sink-breaker.ts";
import { createClickHouseLink, type LinkTimeouts } from "./clickhouse-link.ts";
import { ErasedDevices, type Erasure } from "./erased-devices.ts";
import { ROLLUP_PACE, Rollups, type RollupPace } from "./rollups/rollups.ts";
import { pause } from "../../core/pause.ts";
import { runSession } from "./run-session.ts";
import { SettledCount, type SettledReadings } from "./settled-readings.ts";
import { createSinkCounters } from "./sink-counters.ts";
import { CLICKHOUSE_JOURNAL } from "./sink-journal.ts";
import type { Clock } from "../../core/clock.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { Readiness, Service } from "../../core/lifecycle.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { Tracer } from "../../core/tracing.ts";
import type { ConnectionSource } from "./clickhouse-connection.ts";
import type { ReportFault } from "../../core/fault.ts";
import type { RollupRetention } from "./rollups/rollup-levels.ts";
import type { SinkContext } from "./sink-context.ts";

export interface ClickHouseSinkOptions {
  readonly log: EventLog;
  /** The log's: rows of an older one are history, and not counted. */
  readonly firstGeneration: number;
  /** Identifies the installation: a database with the tables of another one is refused. */
  readonly installation: string;
  readonly connection: ConnectionSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly onFault: ReportFault;
  /** Where spans of sampled records go. */
  readonly tracer?: Tracer | undefined;
  /** Time between two inserts without a backlog, and rows of one insert at most. */
  readonly lingerMs?: number;
  readonly rowsMax?: number;
  readonly timeouts?: LinkTimeouts;
  /** [0, 1), for the jitter of probes. */
  readonly random?: () => number;
  readonly rollupPace?: RollupPace;
  readonly rollupRetention?: RollupRetention;
}

const RETRY_DELAY_MS_MIN = 250;
const FAULT_ID = "clickhouse-sink";
const REFUSED_ID = "clickhouse-refused";

export interface ClickHouseSink extends Service, Readiness {
  /** The removed devices that it knows: what else is read of them will not be stored. */
  erasures(): readonly Erasure[];
  /** How many readings it has stored, and up to where; null before it has restored its progress. */
  settled(): SettledReadings | null;
}

/**
 * All derived topics into their tables, effectively once: see architecture §5. Failures are waited out; nothing is skipped. The probe of
 * an open breaker is a session that takes its progress up again: it finishes the plan that was under way first.
 */
export function createClickHouseSink(options: ClickHouseSinkOptions): ClickHouseSink {
  const { logger, onFault, connection, lingerMs = LIMITS.insertLingerMs, rowsMax = LIMITS.insertRowsMax } = options;
  const stopping = new AbortController();
  const link = createClickHouseLink(connection, options.timeouts);
  const counters = createSinkCounters(options.metrics);
  let reason: string | null = "the ClickHouse sink has not started";
  let isRefusing = false;
  let running: Promise<void> = Promise.resolve();
  const { log, firstGeneration, installation, clock, metrics, random = Math.random } = options;
  const policy = {
    failuresMax: LIMITS.sinkFailuresMax,
    pauseMsMin: RETRY_DELAY_MS_MIN,
    pauseMsMax: LIMITS.insertRetryDelayMsMax,
  };
  const breaker = new CircuitBreaker(policy, clock, random);
  const over = "Rows reach ClickHouse again.";
  const shown = { sink: "clickhouse", destination: "clickhouse", faultId: FAULT_ID, over, metrics, onFault };
  const report = createBreakerReport({ breaker, ...shown });

  const onProgress = (): void => {
    // The session goes on using it.
    breaker.end("works");
    breaker.begin();
    report.show();
    if (isRefusing) onFault(REFUSED_ID, "cleared", over);
    isRefusing = false;
    reason = null;
  };
  const onFailure = async (error: MillraceError): Promise<void> => {
    const remedy = error.remedy === undefined ? "" : `. ${error.remedy.replace(/\.$/, "")}`;
    const what = `Rows do not reach ClickHouse: ${errorText(error)}${remedy}`;
    reason = what;
    counters.failures.add();
    logger.warn({ err: error }, "the ClickHouse sink starts over");
    if (error.code === "SINK_REFUSED") return await onRefused(what);
    breaker.end("fails");
    report.show();
    if (breaker.state === "open") reason = report.opened(what, await waitingRows(log));
  };
  /** It answers, so that it is not away; but what it refuses it refuses each time, and nothing is skipped. */
  const onRefused = async (what: string): Promise<void> => {
    breaker.end("works");
    report.show();
    isRefusing = true;
    onFault(
      REFUSED_ID,
      "raised",
      `${what}. It answers: this is not an outage, and the sink stands still until it takes them.`,
    );
    await pause(LIMITS.insertRetryDelayMsMax, stopping.signal);
  };
  const journal = { name: CLICKHOUSE_JOURNAL, partition: 0 };
  const erased = new ErasedDevices();
  const settled = new SettledCount();
  const { rollupPace = ROLLUP_PACE, rollupRetention: retention = {} } = options;
  const rollups = new Rollups({ link, clock, counters, retention, ...rollupPace });
  const context: SinkContext = {
    log,
    firstGeneration,
    installation,
    link,
    journal,
    clock,
    logger,
    counters,
    onFault,
    erased,
    settled,
    rollups,
    rollupRetention: retention,
    tracer: options.tracer ?? null,
    lingerMs,
    rowsMax,
    planId: randomUUID,
    onProgress,
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await pause(breaker.waitMs(), stopping.signal);
      if (!breaker.begin()) continue;
      report.show();
      try {
        await runSession(context, stopping.signal);
      } catch (error) {
        if (stopping.signal.aborted) return;
        if (!isMillraceError(error)) throw error;
        await onFailure(error);
      }
    }
  };

  return {
    start() {
      reason = "the ClickHouse sink is restoring its progress";
      running = run();
      return Promise.resolve();
    },
    async stop(signal) {
      stopping.abort();
      await untilAborted(running, signal);
      reason = "the ClickHouse sink has stopped";
      await link.close();
    },
    erasures: () => erased.all(),
    settled: () => settled.latest(),
    notReadyReasons: () => (reason === null ? [] : [reason]),
  };
}

/** How many records wait in the log, for people; null while the log does not say. */
async function waitingRows(log: EventLog): Promise<string | null> {
  const status = await log.status().catch(() => null);
  const journal = status?.journals.find(({ name }) => name === CLICKHOUSE_JOURNAL);
  if (status === null || journal === undefined) return null;
  const done = new Map(journal.positions.map(({ topic, partition, offset }) => [`${topic} ${partition}`, offset]));
  let records = 0;
  for (const { topic, partition, endOffset } of status.partitions) {
    const offset = done.get(`${topic} ${partition}`);
    if (offset !== undefined) records += Math.max(0, endOffset - offset);
  }
  return `${records} records`;
}
