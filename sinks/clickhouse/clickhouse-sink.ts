import { randomUUID } from "node:crypto";
import { untilAborted } from "../../core/aborted.ts";
import { errorText, isMillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
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
  /** Time between two inserts without a backlog, and rows of one insert at most. */
  readonly lingerMs?: number;
  readonly rowsMax?: number;
  readonly timeouts?: LinkTimeouts;
  readonly rollupPace?: RollupPace;
  readonly rollupRetention?: RollupRetention;
}

const RETRY_DELAY_MS_MIN = 250;
const FAULT_ID = "clickhouse-sink";

export interface ClickHouseSink extends Service, Readiness {
  /** The removed devices that it knows: what else is read of them will not be stored. */
  erasures(): readonly Erasure[];
  /** How many readings it has stored, and up to where; null before it has restored its progress. */
  settled(): SettledReadings | null;
}

/** All derived topics into their tables, effectively once: see architecture §5. Failures are waited out; nothing is skipped. */
export function createClickHouseSink(options: ClickHouseSinkOptions): ClickHouseSink {
  const { logger, onFault, connection, lingerMs = LIMITS.insertLingerMs, rowsMax = LIMITS.insertRowsMax } = options;
  const stopping = new AbortController();
  const link = createClickHouseLink(connection, options.timeouts);
  const counters = createSinkCounters(options.metrics);
  let reason: string | null = "the ClickHouse sink has not started";
  let failures = 0;
  let running: Promise<void> = Promise.resolve();

  const onProgress = (): void => {
    if (failures > 0) onFault(FAULT_ID, "cleared", "Rows reach ClickHouse again.");
    failures = 0;
    reason = null;
  };
  const onFailure = (error: Error): void => {
    failures += 1;
    const remedy = isMillraceError(error) && error.remedy !== undefined ? `. ${error.remedy}` : "";
    reason = `rows do not reach ClickHouse: ${errorText(error)}${remedy}`;
    counters.failures.add();
    logger.warn({ err: error, failures }, "the ClickHouse sink starts over");
    // The first failure is often a restart of the embedded one; a person hears of the second.
    if (failures === 2) onFault(FAULT_ID, "raised", `Rows do not reach ClickHouse: ${errorText(error)}${remedy}`);
  };
  const { log, firstGeneration, installation, clock } = options;
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
    lingerMs,
    rowsMax,
    planId: randomUUID,
    onProgress,
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await runSession(context, stopping.signal);
      } catch (error) {
        if (stopping.signal.aborted) return;
        if (!isMillraceError(error)) throw error;
        onFailure(error);
        await pause(
          Math.min(LIMITS.insertRetryDelayMsMax, RETRY_DELAY_MS_MIN * 2 ** Math.min(failures - 1, 10)),
          stopping.signal,
        );
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
