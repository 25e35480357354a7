import { FUNCTIONS_STAGE, stageJournalName } from "../core/stage.ts";
import { mainStage } from "../processors/main-stage.ts";
import { CLICKHOUSE_JOURNAL } from "../sinks/clickhouse/sink-journal.ts";
import { NOTIFY_JOURNAL } from "../sinks/notify/alarm-reader.ts";

/** The consumers of the log, by their journals: what lag, retention and the ledger go by. */
export const JOURNALS = {
  stage: stageJournalName(mainStage.name),
  /** Of users' functions; there once a function was deployed. */
  functions: stageJournalName(FUNCTIONS_STAGE.name),
  clickhouse: CLICKHOUSE_JOURNAL,
  notify: NOTIFY_JOURNAL,
  /** On Kafka: whoever has it also writes ticks and control records. */
  retention: "retention",
} as const;
