import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { createClickHouseLink, type ClickHouseLink } from "../../sinks/clickhouse/clickhouse-link.ts";
import { RowBinaryWriter } from "../../wire/row-binary.ts";
import { CHDB_TITLE, hasChdb, openBench, type ClickHouseBench } from "../unit/sinks-clickhouse/clickhouse-bench.ts";

const COLUMNS = ["n", "u8", "u16", "u32", "i64", "f64", "s", "lc", "at", "maybe"] as const;

const row = fc.record({
  u8: fc.integer({ min: 0, max: 255 }),
  u16: fc.integer({ min: 0, max: 65_535 }),
  u32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  i64: fc.maxSafeInteger(),
  f64: fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
  s: fc.string({ unit: "grapheme", maxLength: 200 }),
  lc: fc.string({ unit: "grapheme", maxLength: 5 }),
  at: fc.integer({ min: 0, max: Date.UTC(2200, 0, 1) }),
  maybe: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0))),
});

const countRow = z.object({ rows: z.number() });
const storedRow = z.object({
  u8: z.number(),
  u16: z.number(),
  u32: z.number(),
  i64: z.string(),
  f64: z.number(),
  s: z.string(),
  lc: z.string(),
  at: z.number(),
  maybe: z.number().nullable(),
});

describe.skipIf(!hasChdb())(`RowBinary as chdb reads it ${CHDB_TITLE}`, () => {
  let bench: ClickHouseBench;
  let link: ClickHouseLink;

  beforeAll(async () => {
    bench = await openBench();
    await bench.startChdb();
    link = createClickHouseLink(() => bench.connection());
    const types = `n UInt32, u8 UInt8, u16 UInt16, u32 UInt32, i64 Int64, f64 Float64, s String, lc LowCardinality(String),
      at DateTime64(3, 'UTC'), maybe Nullable(Float64)`;
    const settings = "SETTINGS non_replicated_deduplication_window = 100";
    await link.command(`CREATE TABLE mixed (${types}) ENGINE = MergeTree ORDER BY n ${settings}`);
    await link.command(`CREATE TABLE many (n UInt32) ENGINE = MergeTree ORDER BY n ${settings}`);
  });
  afterAll(async () => {
    await link.close();
    await bench.close();
  });

  it("gives back every value of every type", async () => {
    const rows = fc.sample(row, { numRuns: 2000, seed: 7 });
    const writer = new RowBinaryWriter();
    for (const [n, { u8, u16, u32, i64, f64, s, lc, at, maybe }] of rows.entries()) {
      writer.uint32(n);
      writer.uint8(u8);
      writer.uint16(u16);
      writer.uint32(u32);
      writer.int64(i64);
      writer.float64(f64);
      writer.string(s);
      writer.string(lc);
      writer.int64(at);
      if (writer.nullable(maybe)) writer.float64(maybe);
    }
    await link.insert({ table: "mixed", columns: COLUMNS, format: "RowBinary", rows: writer.finish(), token: "mixed" });
    const stored = await link.query(
      "SELECT u8, u16, u32, toString(i64) AS i64, f64, s, lc, toUnixTimestamp64Milli(at) AS at, maybe FROM mixed ORDER BY n",
      storedRow,
    );
    expect(stored).toEqual(rows.map((value) => ({ ...value, i64: String(value.i64) })));
  });

  it("inserts 600,000 rows as one block: a repeated token adds none of them, another token adds all", async () => {
    const writer = new RowBinaryWriter();
    for (let n = 0; n < 600_000; n += 1) writer.uint32(n);
    const rows = writer.finish();
    const counts: number[] = [];
    for (const token of ["a", "a", "b", "a", "b"]) {
      await link.insert({ table: "many", columns: ["n"], format: "RowBinary", rows, token });
      counts.push((await link.query("SELECT count() AS rows FROM many", countRow))[0]?.rows ?? -1);
    }
    const parts =
      "SELECT countIf(p.rows != 600000) AS rows FROM system.parts AS p WHERE p.table = 'many' AND p.level = 0";
    expect(await link.query(parts, countRow)).toEqual([{ rows: 0 }]);
    expect(counts).toEqual([600_000, 600_000, 1_200_000, 1_200_000, 1_200_000]);
  });

  it("refuses rows that break off, and stores none of them", async () => {
    const writer = new RowBinaryWriter();
    for (let n = 0; n < 100; n += 1) writer.uint32(n);
    const rows = writer.finish().subarray(0, 399);
    const before = await link.query("SELECT count() AS rows FROM many", countRow);
    await expect(
      link.insert({ table: "many", columns: ["n"], format: "RowBinary", rows, token: "c" }),
    ).rejects.toMatchObject({
      code: "SINK_REFUSED",
    });
    expect(await link.query("SELECT count() AS rows FROM many", countRow)).toEqual(before);
  });
});
