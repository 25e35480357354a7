import { expect, it } from "vitest";
import { defineMap, z } from "../../../kit/function.ts";
import { readingRecord, runRecords, START, typeRecord } from "../../support/function-run.ts";
import { controlLogRecord } from "../../support/log-records.ts";

const row = z.object({ max: z.number() });

const headroom = defineMap({
  name: "headroom",
  input: z.object({ t: z.number() }),
  process({ metrics, device }, context) {
    const { data } = row.safeParse(context.reference("limits", device));
    return { site: context.labels["site"], headroom: data === undefined ? undefined : data.max - metrics.t };
  },
});

const spoiler = defineMap({
  name: "spoiler",
  input: z.object({ t: z.number() }),
  process({ device }, context) {
    Object.assign(Object(context.reference("limits", device)), { max: 0 });
    return undefined;
  },
});

const table = (offset: number, max: number) =>
  controlLogRecord(offset, START + offset, {
    v: 1,
    kind: "reference-table",
    revision: offset,
    removed: false,
    table: { tenant: "t", id: "limits", rows: { d: { max } } },
  });

const reading = (offset: number) => readingRecord(offset, { at: offset, metrics: { t: 20 } });

it("joins a reading with the device's labels, and with a table as of its place in the log", () => {
  const records = [
    typeRecord({}, ["d"], { site: "north" }),
    reading(1),
    table(2, 30),
    reading(3),
    table(4, 50),
    reading(5),
  ];
  const { readings } = runRecords([headroom], records);
  expect(readings.map(({ metrics }) => metrics)).toEqual([
    { site: "north" },
    { site: "north", headroom: 10 },
    { site: "north", headroom: 30 },
  ]);
});

it("does not let a function change a row", () => {
  const { readings, deadLetters } = runRecords(
    [spoiler, headroom],
    [typeRecord({}), table(1, 30), reading(2), reading(3)],
  );
  expect(readings.map(({ metrics }) => metrics["headroom"])).toEqual([10, 10]);
  expect(deadLetters.map(({ errorClass }) => errorClass)).toEqual(["TypeError", "TypeError"]);
});
