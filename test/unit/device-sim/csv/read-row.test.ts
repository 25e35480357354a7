import { expect, test } from "vitest";
import { parseMapText } from "../../../../device-sim/csv/map-language.ts";
import { createRowReader } from "../../../../device-sim/csv/read-row.ts";

function read(mapText: string, header: readonly string[], cells: readonly string[]) {
  const message = createRowReader(parseMapText(mapText), header)(cells);
  if (typeof message === "string") return message;
  return { device: message.deviceId, sent: message.ts, ...JSON.parse(message.payload.toString()) };
}

const SIMPLE = "device=d; ts=t; metric x";
const HEADER = ["d", "t", "x"];

test("a cell becomes a number, a boolean or text", () => {
  const valueOf = (cell: string) => read(SIMPLE, HEADER, ["pump", "5", cell]).values.x;
  expect(valueOf("-3.5e2")).toBe(-350);
  expect(valueOf("007")).toBe(7);
  expect(valueOf("true")).toBe(true);
  expect(valueOf("NNW")).toBe("NNW");
  expect(valueOf("0x10")).toBe("0x10");
  expect(valueOf("1e400")).toBe("1e400");
  expect(valueOf("9007199254740993")).toBe("9007199254740993");
});

test("a missing cell makes no metric, and a row of missing cells no message", () => {
  const two = "device=d; ts=t; metric x; metric y";
  expect(read(two, [...HEADER, "y"], ["pump", "5", "NA", "2"])).toEqual({
    device: "pump",
    sent: 5,
    ts: 5,
    values: { y: 2 },
  });
  expect(read(two, [...HEADER, "y"], ["pump", "5", "NA", ""])).toBe("values");
  expect(read(two, [...HEADER, "y"], ["pump", "5"])).toBe("values");
});

test.for(["", "two words", "a/b", "ü", "x".repeat(129)])("%j is no device id", (id) => {
  expect(read(SIMPLE, HEADER, [id, "5", "1"])).toBe("device");
});

test.for(["", "yesterday", "1e99", "Infinity"])("%j is no time in milliseconds", (time) => {
  expect(read(SIMPLE, HEADER, ["pump", time, "1"])).toBe("time");
});

test("seconds may have a fraction", () => {
  expect(read("device=d; ts=t:s; metric x", HEADER, ["pump", "1.5", "1"]).ts).toBe(1500);
});

test("an ISO time without an offset is UTC, with one it is what it says", () => {
  const tsOf = (time: string) => read("device=d; ts=t:iso; metric x", HEADER, ["pump", time, "1"]).ts;
  const noon = Date.UTC(2026, 0, 2, 12);
  expect(tsOf("2026-01-02T12:00")).toBe(noon);
  expect(tsOf("2026-01-02 12:00:00.000")).toBe(noon);
  expect(tsOf("2026-01-02T20:00:00+0800")).toBe(noon);
  expect(tsOf("2026-01-02T08:30:00-03:30")).toBe(noon);
  expect(tsOf("2026-01-02")).toBe(Date.UTC(2026, 0, 2));
  expect(read("device=d; ts=t:iso; metric x", HEADER, ["pump", "2026-13-01", "1"])).toBe("time");
  expect(read("device=d; ts=t:iso; metric x", HEADER, ["pump", "2026-02-30", "1"])).toBe("time");
});

test("wall-clock columns are taken to UTC, and a date that does not exist is no time", () => {
  const map = "device=d; ts=year,month,day,hour@+08:00; metric x";
  const header = ["d", "year", "month", "day", "hour", "x"];
  expect(read(map, header, ["s", "2013", "3", "1", "0", "1"]).ts).toBe(Date.UTC(2013, 1, 28, 16));
  expect(read(map, header, ["s", "2013", "6", "31", "0", "1"])).toBe("time");
  expect(read(map, header, ["s", "2013", "NA", "1", "0", "1"])).toBe("time");
});

test("the sending time paces, the event time is what the message says", () => {
  const map = "device=d; ts=t; sent=s; metric x";
  const header = ["d", "t", "s", "x"];
  expect(read(map, header, ["pump", "5", "9", "1"])).toEqual({ device: "pump", sent: 9, ts: 5, values: { x: 1 } });
  expect(read(map, header, ["pump", "5", "", "1"]).sent).toBe(5);
});

test("the keys of a JSON column become metrics; null, arrays and objects in it do not", () => {
  const map = "device=d; ts=t; json=j; metric x";
  const header = ["d", "t", "x", "j"];
  const json = '{"a":1.5,"b":true,"c":"on","n":null,"list":[1],"deep":{"e":1},"__proto__":7}';
  const message = createRowReader(parseMapText(map), header)(["pump", "5", "3", json]);
  expect(typeof message === "string" ? message : message.payload.toString()).toBe(
    '{"ts":5,"values":{"x":3,"a":1.5,"b":true,"c":"on","__proto__":7}}',
  );
  expect(read(map, header, ["pump", "5", "3", ""]).values).toEqual({ x: 3 });
});

test.for(["{", "[1]", "7", "null"])("a JSON cell of %j is a fault of the row", (cell) => {
  expect(read("device=d; ts=t; json=j", ["d", "t", "j"], ["pump", "5", cell])).toBe("json");
});
