import type { Clock } from "../../core/clock.ts";
import type { EventLog, JournalId } from "../../core/event-log.ts";
import type { Logger } from "../../core/logger.ts";
import type { Tracer } from "../../core/tracing.ts";
import type { ClickHouseLink } from "./clickhouse-link.ts";
import type { ReportFault } from "../../core/fault.ts";
import type { ErasedDevices } from "./erased-devices.ts";
import type { RollupRetention } from "./rollups/rollup-levels.ts";
import type { Rollups } from "./rollups/rollups.ts";
import type { SettledCount } from "./settled-readings.ts";
import type { SinkCounters } from "./sink-counters.ts";

/** What the parts of the sink share. */
export interface SinkContext {
  readonly log: EventLog;
  readonly firstGeneration: number;
  /** Of this installation: the database is bound to it. */
  readonly installation: string;
  readonly link: ClickHouseLink;
  readonly journal: JournalId;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: SinkCounters;
  readonly onFault: ReportFault;
  /** As the journal and the records read so far have it. */
  readonly erased: ErasedDevices;
  readonly settled: SettledCount;
  readonly rollups: Rollups;
  readonly rollupRetention: RollupRetention;
  /** Where spans of sampled records go; null: no record is asked whether it is one. */
  readonly tracer: Tracer | null;
  /** Between two plans when there is no backlog. */
  readonly lingerMs: number;
  readonly rowsMax: number;
  /** Makes the id of a plan: a random UUID. */
  readonly planId: () => string;
  /** Called whenever rows have reached ClickHouse or nothing is left to do. */
  readonly onProgress: () => void;
}
