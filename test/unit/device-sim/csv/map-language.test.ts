import { expect, test } from "vitest";
import { parseMapText } from "../../../../device-sim/csv/map-language.ts";

test("clauses become a mapping", () => {
  const text =
    "device=station; ts=year,month,day,hour@+08:00; metric pm25=PM2.5; metric wd; json=payload; missing=NA; missing=-999";
  expect(parseMapText(text)).toEqual({
    device: "station",
    ts: { year: "year", month: "month", day: "day", hour: "hour", utcOffsetMinutes: 480 },
    metrics: { pm25: "PM2.5", wd: "wd" },
    json: ["payload"],
    missing: ["NA", "-999"],
  });
});

test("a time column is in milliseconds unless it says seconds or ISO", () => {
  const timeOf = (ts: string) => parseMapText(`device=d; ts=${ts}; metric t`).ts;
  expect(timeOf("at")).toEqual({ column: "at", unit: "ms" });
  expect(timeOf("at:s")).toEqual({ column: "at", unit: "s" });
  expect(timeOf("at:iso")).toEqual({ column: "at", unit: "iso" });
  expect(timeOf("y,m,d@-03:30")).toMatchObject({ utcOffsetMinutes: -210 });
});

test("NA and empty are missing when nothing is said", () => {
  expect(parseMapText("device=d; ts=t; metric x").missing).toEqual(["NA"]);
});

test.for([
  ["ts=t; metric x", "device"],
  ["device=d; metric x", "ts"],
  ["device=d; ts=t", "no metric"],
  ["device=d; ts=t; metric x; colour=blue", "colour=blue"],
  ["device=d; ts=t; metric x; whatever", "whatever"],
  ["device=d; ts=a,b,c,d,e,f,g; metric x", "ts=a,b,c"],
  ["device=d; ts=y,m@+99:00; metric x", "utcOffsetMinutes"],
] as const)("%j is refused by name", ([text, named]) => {
  expect(() => parseMapText(text)).toThrow(
    expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringContaining(named) }),
  );
});
