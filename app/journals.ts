import { stageJournalName } from "../core/stage.ts";
import { mainStage } from "../processors/main-stage.ts";
import { CLICKHOUSE_JOURNAL } from "../sinks/clickhouse/sink-journal.ts";
import { FORWARD_JOURNAL } from "../sinks/forward/forward-reader.ts";
import { NOTIFY_JOURNAL } from "../sinks/notify/alarm-reader.ts";

/** The consumers of the log that are always there, by their journals: what lag, retention and the ledger go by. */
export const JOURNALS = {
  stage: stageJournalName(mainStage.name),
  clickhouse: CLICKHOUSE_JOURNAL,
  notify: NOTIFY_JOURNAL,
  /** Where telemetry is forwarded. */
  forward: FORWARD_JOURNAL,
  /** On Kafka: whoever has it also writes ticks and control records. */
  retention: "retention",
} as const;
