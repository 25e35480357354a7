import { expect, it } from "vitest";
import { collectErasures, countValues } from "../../../app/ledger/log-scan.ts";
import { HEADER } from "../../../core/record.ts";
import { formatSourcePosition } from "../../../core/source-position.ts";
import { ErasedDevices } from "../../../sinks/clickhouse/erased-devices.ts";
import { createMemoryEventLog } from "../../support/memory-event-log.ts";

it("counts nothing of a record that is no JSON, of which the tables have no rows either", async () => {
  const log = createMemoryEventLog();
  const source = { stage: "main", topic: "telemetry", partition: 0, generation: 0, offset: 0, step: 0, index: 0 };
  const bad = {
    timestamp: 1,
    key: "plant/x",
    value: Buffer.from("{not json"),
    headers: [[HEADER.source, formatSourcePosition(source)]] as const,
  };
  for (const topic of ["readings", "device-events"]) log.appendNow(topic, 0, [bad]);
  const range = (topic: string) => [{ topic, partition: 0, offset: 0, end: 1 }];
  expect(await countValues(log, range("readings"), new ErasedDevices(), [1])).toBe(0);
  expect(await collectErasures(log, range("device-events"))).toEqual([]);
});
