import { expect, test } from "vitest";
import { JOURNALS } from "../../../app/journals.ts";
import { FUNCTIONS_STAGE, stageJournalName } from "../../../core/stage.ts";
import { consumerBacklogs } from "../../../app/ledger/backlogs.ts";
import type { LogStatus } from "../../../core/event-log.ts";

const topicPartition = (topic: string, partition: number) => ({ topic, partition });
const journal = (name: string, topic: string, offsets: readonly number[]) => ({
  name,
  partition: 0,
  epoch: 1,
  nextTimer: null,
  positions: offsets.map((offset, partition) => ({ ...topicPartition(topic, partition), offset })),
});
/** 100 records in each of two partitions of two topics. */
const STATUS: LogStatus = {
  partitions: ["telemetry", "readings"].flatMap((topic) =>
    [0, 1].map((partition) => ({ ...topicPartition(topic, partition), startOffset: 50, endOffset: 150 })),
  ),
  journals: [
    journal(JOURNALS.stage, "telemetry", [150, 150]),
    journal(stageJournalName(FUNCTIONS_STAGE.name), "readings", [110, 70]),
    journal(JOURNALS.notify, "readings", [0, 150]),
  ],
  bytes: 8000,
  bytesMax: 10_000,
  refusing: null,
  deletedTelemetry: {},
};

test("who has read all holds nothing, and neither does who never began", () => {
  const { processors, clickhouse } = consumerBacklogs(STATUS, "by-commit");
  expect(processors).toEqual({ records: 0, bytes: 0 });
  expect(clickhouse).toEqual({ records: 0, bytes: 0 });
});

test("in one file the consumer that is furthest behind in any partition holds all that came since", () => {
  const { functions, notify } = consumerBacklogs(STATUS, "by-commit");
  expect(functions).toEqual({ records: 120, bytes: 6400 });
  // It cannot hold what is deleted.
  expect(notify).toMatchObject({ bytes: 8000 });
});

test("in partitions of their own a consumer holds its own records only", () => {
  expect(consumerBacklogs(STATUS, "by-partition")).toMatchObject({ functions: { records: 120, bytes: 2400 } });
  const empty = { ...STATUS, partitions: [], bytes: 0 };
  expect(consumerBacklogs(empty, "by-partition")).toMatchObject({ functions: { records: 0, bytes: 0 } });
});
