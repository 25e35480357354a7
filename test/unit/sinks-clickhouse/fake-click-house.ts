import { MillraceError } from "../../../core/errors.ts";
import { readNativeBlock } from "../../support/read-native-block.ts";
import type { ClickHouseLink, RowsInsert } from "../../../sinks/clickhouse/clickhouse-link.ts";

export interface FakeClickHouse extends ClickHouseLink {
  /** `partition offset metric` of every row of `readings`, repeats included. */
  readings(): readonly string[];
  /** All tables gone, another database in their place. */
  replace(): void;
}

export interface FakeFailures {
  /** Asked before and after each insert; true makes it fail there. */
  fails(moment: "before insert" | "after insert"): boolean;
}

/** The link's contract in memory: migrations, identity, and inserts that are deduplicated by table, partition and token. */
export function createFakeClickHouse({ fails }: FakeFailures): FakeClickHouse {
  let databases = 1;
  let inserts = new Map<string, RowsInsert>();
  const fail = (moment: "before insert" | "after insert"): void => {
    if (fails(moment)) throw new MillraceError("SINK_UNAVAILABLE", `it failed ${moment}`);
  };
  return {
    async query(sql, row) {
      if (sql.includes("dirty_buckets")) return slotsOf(inserts).map((one) => row.parse(one));
      if (sql.includes("count()")) return [row.parse({ rows: 0 })];
      if (sql.includes("system.tables")) return [];
      if (sql.includes("database_owner")) return [row.parse({ installation: "test" })];
      if (sql.includes("src_offset"))
        return sql.includes("FROM readings") ? greatestSources(keysOf(inserts)).map((one) => row.parse(one)) : [];
      const id = `00000000-0000-4000-8000-${String(databases).padStart(12, "0")}`;
      return [row.parse(sql.includes("database_identity") ? { id } : { id: 1 })];
    },
    isGranted: () => Promise.resolve(true),
    async command(sql) {
      fail("before insert");
      const slot = /DROP PARTITION (\d+)/.exec(sql)?.[1];
      for (const key of inserts.keys()) if (slot !== undefined && isOfSlot(key, slot)) inserts.delete(key);
    },
    read: () => Promise.reject(new Error("the fake keeps no tables")),
    async insert(insert) {
      fail("before insert");
      const key = `${insert.table} ${insert.token}`;
      if (!inserts.has(key)) inserts.set(key, { ...insert, rows: Uint8Array.from(insert.rows) });
      fail("after insert");
    },
    async close() {
      // It holds nothing.
    },
    readings: () => keysOf(inserts),
    replace() {
      databases += 1;
      inserts = new Map();
    },
  };
}

function isOfSlot(key: string, slot: string): boolean {
  return key.startsWith("dirty_buckets ") && key.endsWith(`:${slot}`);
}

/** Partitions of the marks, by their tokens. */
function slotsOf(inserts: ReadonlyMap<string, RowsInsert>): object[] {
  const slots = [...inserts.keys()].flatMap((key) => /^dirty_buckets .*:(\d+)$/.exec(key)?.[1] ?? []);
  return [...new Set(slots)].map((slot) => ({ slot: Number(slot), marks: 1 }));
}

function keysOf(inserts: ReadonlyMap<string, RowsInsert>): string[] {
  return [...inserts.values()].filter(({ table }) => table === "readings").flatMap(({ rows }) => readingKeys(rows));
}

/** The answer to the question for the greatest source position per partition. All sources are records of stage `main`. */
function greatestSources(keys: readonly string[]): object[] {
  const greatest = new Map<number, number>();
  for (const key of keys) {
    const [partition = 0, offset = 0] = key.split(" ").slice(0, 2).map(Number);
    greatest.set(partition, Math.max(greatest.get(partition) ?? 0, offset));
  }
  return [...greatest].map(([partition, offset]) => ({
    stage: "main",
    partition,
    generation: 0,
    offset,
    step: 0,
    index: 0,
  }));
}

function readingKeys(bytes: Uint8Array): string[] {
  const { rows, columns } = readNativeBlock(bytes);
  const at = (name: string, row: number): string => String(columns.get(name)?.values[row]);
  return Array.from({ length: rows }, (_, row) => {
    return `${at("src_partition", row)} ${at("src_offset", row)} ${at("metric", row)}`;
  });
}
