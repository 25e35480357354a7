import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDeadLetterQueue } from "../../sinks/clickhouse/dead-letter-queue.ts";
import {
  CHDB_TITLE,
  hasChdb,
  openBench,
  until,
  type ClickHouseBench,
} from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import { derivedRecord, sourceAt, TENANT } from "../unit/sinks-clickhouse/record-fixtures.ts";
import type { DeadLetterQueue } from "../../core/dead-letter-queue.ts";
import type { DeadLetter, DeviceEvent } from "../../core/derived-records.ts";

const T0 = Date.UTC(2026, 0, 31, 23, 59, 59);

/** Whose records have failed as a whole. */
const STEPS = "steps";
/** Whose canary has failed. */
const CANARIES = "canaries";

function letter(device: string, offset: number, fields: Partial<DeadLetter> = {}): DeadLetter {
  const source = { topic: "telemetry", partition: 3, offset };
  const thrown = { error: "' no", errorClass: "TypeError", stack: "", payload: "AA==" };
  const base = { v: 1, tenant: TENANT, device, function: "clean", version: 2, received: T0 + offset * 1000 } as const;
  return { ...base, ...thrown, source, ...fields };
}

function redriven(of: DeadLetter, attempt: number): DeviceEvent {
  const { device, received, source, function: name } = of;
  const detail = `${name} ${source.topic}/${source.partition}/${source.offset} attempt ${attempt}`;
  return { v: 1, tenant: of.tenant, device, kind: "redriven", ts: received, received: T0 + 60_000, detail };
}

describe.skipIf(!hasChdb())(`the queue of dead letters, asked of the tables ${CHDB_TITLE}`, () => {
  let bench: ClickHouseBench;
  let queue: DeadLetterQueue & { close(): Promise<void> };
  const all = { tenant: TENANT, from: 0, to: T0 + 600_000 };
  const open = letter("a", 1);
  const later = letter("b", 2, { function: "dew-point", errorClass: "TimeoutError" });
  const mended = letter("a", 3);
  const again = letter("a", 4, { error: "first" });
  const againAsLast = { ...again, error: "second", errorClass: "RangeError", version: 3 };
  const hopeless = letter("a", 5);
  const timer = letter("a", 6, { timer: { name: "w", at: T0 }, payload: "" });

  const canary = { ...letter("c", 8, { function: "dew-point@canary" }), tenant: CANARIES };
  const step = { ...letter("s", 7, { function: "$step" }), tenant: STEPS };

  beforeAll(async () => {
    bench = await openBench();
    await bench.startChdb();
    await bench.startSink();
    const letters = [open, later, mended, again, againAsLast, timer];
    letters.push(...Array.from({ length: 4 }, () => hopeless), { ...letter("a", 9), tenant: "other" }, canary);
    const events = [
      redriven(mended, 1),
      redriven(again, 1),
      ...[1, 2, 3].map((attempt) => redriven(hopeless, attempt)),
    ];
    const records = (values: readonly (DeadLetter | DeviceEvent)[]) =>
      values.map((one, offset) => derivedRecord(one, sourceAt(3, offset)));
    bench.log.appendNow("dead-letters", 3, records(letters));
    bench.log.appendNow("device-events", 3, records(events));
    const in2 = (stage: string, value: DeadLetter | DeviceEvent) => {
      return derivedRecord(value, sourceAt(2, 0, { stage, topic: "readings" }));
    };
    bench.log.appendNow("dead-letters", 2, [in2("functions", step), in2("fn-heavy", step)]);
    bench.log.appendNow("device-events", 2, [in2("functions", redriven(step, 1))]);
    await until("all is settled", () => bench.isSettled());
    queue = createDeadLetterQueue(() => bench.connection());
  }, 60_000);
  afterAll(async () => {
    await queue?.close();
    await bench.close();
  });

  it("has each record and function once, newest first, as it failed last", async () => {
    const listed = await queue.list({ ...all, limit: 100 });
    expect(listed.map(({ source, failures, redrives }) => [source.offset, failures, redrives])).toEqual([
      [6, 1, 0],
      [5, 4, 3],
      [4, 2, 1],
      [3, 1, 1],
      [2, 1, 0],
      [1, 1, 0],
    ]);
    expect(listed[2]).toEqual({ ...againAsLast, failures: 2, redrives: 1 });
    expect(listed[0]).toEqual({ ...timer, failures: 1, redrives: 0 });
  });

  it("hands out what can be run again, oldest first, page by page", async () => {
    const first = await queue.redrivable({ ...all, limit: 2 });
    expect(first.map(({ source }) => source.offset)).toEqual([1, 2]);
    const [, after] = first;
    const rest = await queue.redrivable({ ...all, limit: 2, ...(after === undefined ? {} : { after }) });
    expect(rest.map(({ source }) => source.offset)).toEqual([4]);
  });

  it("counts them by what can be done", async () => {
    expect(await queue.counts(all)).toEqual({ redrivable: 3, redriven: 1, exhausted: 1, withoutRecord: 1 });
    expect(await queue.counts({ ...all, tenant: "nobody" })).toMatchObject({ redrivable: 0, redriven: 0 });
  });

  it("has a record that failed as a whole once for each stage in which it did, and says which", async () => {
    const listed = await queue.redrivable({ ...all, tenant: STEPS, limit: 10 });
    expect(listed).toEqual([{ ...step, failures: 1, redrives: 0, stage: "fn-heavy" }]);
    expect(await queue.counts({ ...all, tenant: STEPS })).toMatchObject({ redrivable: 1, redriven: 1 });
  });

  it("goes by the class of the last failure, and counts those of other classes before it", async () => {
    const filter = { ...all, errorClass: "RangeError" };
    expect(await queue.redrivable({ ...filter, limit: 10 })).toEqual([{ ...againAsLast, failures: 2, redrives: 1 }]);
    expect(await queue.counts(filter)).toEqual({ redrivable: 1, redriven: 0, exhausted: 0, withoutRecord: 0 });
    const before = await queue.list({ ...all, errorClass: "TypeError", limit: 10 });
    expect(before.map(({ source }) => source.offset)).toEqual([6, 5, 3, 1]);
  });

  it("is filtered by function, error class, device and time", async () => {
    const offsets = async (filter: object) =>
      (await queue.list({ ...all, ...filter, limit: 10 })).map(({ source }) => source.offset);
    expect(await offsets({ function: "dew-point" })).toEqual([2]);
    expect(await offsets({ errorClass: "TimeoutError" })).toEqual([2]);
    expect(await offsets({ device: "b" })).toEqual([2]);
    expect(await offsets({ from: T0 + 2000, to: T0 + 3000 })).toEqual([2]);
    expect(await offsets({ function: "' OR 1 = 1 --" })).toEqual([]);
    // Those of its canary too: whoever looks for a function's letters does not think of that name.
    for (const name of ["dew-point", "dew-point@canary"])
      expect(await offsets({ tenant: CANARIES, function: name })).toEqual([8]);
    expect(await offsets({ tenant: CANARIES, function: "other" })).toEqual([]);
  });
});
