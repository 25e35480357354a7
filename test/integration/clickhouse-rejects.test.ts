import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRejects } from "../../sinks/clickhouse/rejects.ts";
import {
  CHDB_TITLE,
  hasChdb,
  openBench,
  until,
  type ClickHouseBench,
} from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import { derivedRecord, sourceAt, TENANT } from "../unit/sinks-clickhouse/record-fixtures.ts";
import type { DeadLetter, Quarantined } from "../../core/derived-records.ts";
import type { Rejects } from "../../core/rejects.ts";

const T0 = Date.UTC(2026, 0, 31, 23, 59, 59);
const EVIL = "'; DROP TABLE quarantine; --\u0000\n\"ü";

function quarantined(device: string, received: number, fields: Partial<Quarantined> = {}): Quarantined {
  return { v: 1, tenant: TENANT, device, reason: "bad-json", detail: "it is none", received, payload: EVIL, ...fields };
}

function deadLetter(device: string, received: number, fields: Partial<DeadLetter> = {}): DeadLetter {
  const source = { topic: "telemetry", partition: 3, offset: Number.MAX_SAFE_INTEGER };
  const thrown = { error: EVIL, errorClass: "TypeError", stack: `TypeError: ${EVIL}`, payload: "AA==" };
  return { v: 1, tenant: TENANT, device, function: "clean", version: 2, ...thrown, received, source, ...fields };
}

describe.skipIf(!hasChdb())(`what was refused, asked of the tables ${CHDB_TITLE}`, () => {
  let bench: ClickHouseBench;
  let rejects: Rejects & { close(): Promise<void> };
  const all = { tenant: TENANT, from: 0, to: T0 + 60_000, limit: 10 };
  const whole = quarantined("a", T0);
  const value = quarantined("a", T0 + 2000, { reason: "out-of-range", metric: "t", ts: T0 - 5 });
  const foreign = quarantined("b", T0 + 1000);
  const record = deadLetter("a", T0);
  const timer = deadLetter("b", T0 + 2000, { timer: { name: "window", at: T0 + 1 } });

  // Behind what the other questions are about.
  const ofFunction = deadLetter("a", T0 + 120_000, {
    function: "dew-point",
    source: { topic: "readings", partition: 3, offset: 1 },
  });
  const ofJoin = deadLetter("b", T0 + 120_000, { source: { topic: "repartition", partition: 3, offset: 1 } });
  const ofFunctions = [ofFunction, ofJoin, { ...ofFunction, tenant: "other" }];

  beforeAll(async () => {
    bench = await openBench();
    await bench.startChdb();
    await bench.startSink();
    const refused = [whole, foreign, value, { ...quarantined("a", T0), tenant: "other" }];
    bench.log.appendNow(
      "quarantine",
      3,
      refused.map((one, offset) => derivedRecord(one, sourceAt(3, offset))),
    );
    bench.log.appendNow(
      "dead-letters",
      3,
      [record, timer, ...ofFunctions].map((one, offset) => derivedRecord(one, sourceAt(3, offset))),
    );
    await until("all is settled", () => bench.isSettled());
    rejects = createRejects(() => bench.connection());
  }, 60_000);
  afterAll(async () => {
    await rejects?.close();
    await bench.close();
  });

  it("comes newest first, of the tenant alone, with the message that it came from", async () => {
    expect(await rejects.quarantine(all)).toEqual([
      { ...value, source: { partition: 3, offset: 2 } },
      { ...foreign, source: { partition: 3, offset: 1 } },
      { ...whole, source: { partition: 3, offset: 0 } },
    ]);
    expect(await rejects.deadLetters(all)).toEqual([timer, record]);
  });

  it("counts the dead letters of users' functions, without those of messages, which the ledger counts", async () => {
    expect(await rejects.functionDeadLetters(TENANT)).toBe(2);
    expect(await rejects.functionDeadLetters("other")).toBe(1);
    await expect(rejects.functionDeadLetters("")).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });

  it("is narrowed by device, reason, receive time and limit", async () => {
    const devices = async (query: object): Promise<string[]> =>
      (await rejects.quarantine({ ...all, ...query })).map(({ device, received }) => `${device}+${received - T0}`);
    expect(await devices({ device: "b" })).toEqual(["b+1000"]);
    expect(await devices({ reason: "out-of-range" })).toEqual(["a+2000"]);
    expect(await devices({ from: T0, to: T0 + 2000 })).toEqual(["b+1000", "a+0"]);
    expect(await devices({ limit: 1 })).toEqual(["a+2000"]);
    expect(await devices({ device: "nobody" })).toEqual([]);
    expect(await rejects.deadLetters({ ...all, device: "b" })).toEqual([timer]);
  });

  it("is not asked with what breaks a limit", async () => {
    const refused = { code: "INVALID_INPUT" };
    for (const bad of [
      { device: "a/b" },
      { tenant: "" },
      { from: -1 },
      { from: 5, to: 4 },
      { limit: 0 },
      { limit: 1001 },
    ]) {
      await expect(rejects.quarantine({ ...all, ...bad })).rejects.toMatchObject(refused);
      await expect(rejects.deadLetters({ ...all, ...bad })).rejects.toMatchObject(refused);
    }
  });
});
