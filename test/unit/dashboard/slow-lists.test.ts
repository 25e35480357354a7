import { describe, expect, it } from "vitest";
import {
  cpuPerRecord,
  formatBytes,
  formatCallTime,
  formatShare,
  parseSlowOrder,
  slowestFunctions,
} from "../../../dashboard/web/model/slow-lists.ts";
import { parseRoute } from "../../../dashboard/web/model/route.ts";
import type { FunctionUsage } from "../../../core/function-usage.ts";

function usage(name: string, more: Partial<FunctionUsage>): FunctionUsage {
  const nothing = { invocations: 0, records: 0, errors: 0, coldStarts: 0, cpuMs: 0, gbSeconds: null, stateBytes: 0 };
  const times = { stageShare: null, callMsP50: null, callMsP99: null };
  return { stage: "functions", function: name, version: 1, ...nothing, ...times, ...more };
}

const plain = (text: string) => text.replaceAll("\u202F", " ");

describe("the list of slow functions", () => {
  it("has those first that take most of their stage's time, and those without any last", () => {
    const all = [usage("none", {}), usage("some", { stageShare: 0.2 }), usage("most", { stageShare: 0.8 })];
    expect(slowestFunctions(all, "").map((one) => one.function)).toEqual(["most", "some", "none"]);
    expect(slowestFunctions(all, " SOME@1 ").map((one) => one.function)).toEqual(["some"]);
    expect(slowestFunctions(all, "(").map((one) => one.function)).toEqual([]);
  });

  it("says no time of a record where there was none", () => {
    expect(cpuPerRecord(usage("a", { cpuMs: 5 }))).toBeNull();
    expect(cpuPerRecord(usage("a", { cpuMs: 5, records: 10 }))).toBe(0.5);
  });
});

describe("its figures", () => {
  it("are times in their own unit", () => {
    expect([null, 0.0123, 0.95, 3.456, 990, 1234].map((ms) => plain(formatCallTime(ms)))).toEqual([
      "–",
      "12 µs",
      "950 µs",
      "3.5 ms",
      "990 ms",
      "1.2 s",
    ]);
  });

  it("are shares that are never 0 of what is there", () => {
    const shares = [
      [0, 0],
      [0, 5],
      [1, 100_000],
      [1, 40],
      [2, 3],
      [3, 3],
    ] as const;
    expect(shares.map(([part, whole]) => plain(formatShare(part, whole)))).toEqual([
      "0 %",
      "0 %",
      "< 0.1 %",
      "2.5 %",
      "67 %",
      "100 %",
    ]);
  });

  it("are bytes in their own unit", () => {
    expect([0, 1023, 1024, 20_480, 3 * 2 ** 20, 5 * 2 ** 40].map((n) => plain(formatBytes(n)))).toEqual([
      "0 B",
      "1023 B",
      "1.0 KiB",
      "20 KiB",
      "3.0 MiB",
      "5120 GiB",
    ]);
  });
});

describe("the address of the slow lists", () => {
  it("names an order that there is, else the first", () => {
    expect([null, "delay", "rejects", "__proto__", "DELAY"].map((text) => parseSlowOrder(text))).toEqual([
      "silence",
      "delay",
      "rejects",
      "silence",
      "silence",
    ]);
    expect(parseRoute("/slow")).toEqual({ page: "slow" });
    expect(parseRoute("/slow/x")).toEqual({ page: "not-found" });
    expect(parseRoute("/devices/slow")).toEqual({ page: "device", id: "slow" });
  });
});
