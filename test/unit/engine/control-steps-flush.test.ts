import { describe, expect, it } from "vitest";
import { mainStage } from "../../../processors/main-stage.ts";
import { controlLogRecord, logRecord } from "../../support/log-records.ts";
import { outputBytes, runStage, valuesOf } from "../../support/stage-run.ts";
import type { ControlRecord } from "../../../core/control.ts";
import type { LogRecord } from "../../../core/record.ts";

const T0 = Date.UTC(2026, 0, 1);

/** Records in order, ten seconds apart: a flush, and messages `{t}` of devices whose clocks stand at `T0`. */
function recordsOf(entries: readonly (ControlRecord | { readonly device: string; readonly t: number })[]): LogRecord[] {
  return entries.map((entry, offset) => {
    const timestamp = T0 + offset * 10_000;
    if ("kind" in entry) return controlLogRecord(offset, timestamp, entry);
    const value = { ts: T0, values: { t: entry.t } };
    return logRecord({ offset, timestamp, key: `acme/${entry.device}`, value });
  });
}

describe("a flush", () => {
  it("of some devices closes their windows and leaves the others' alone, whoever is named", () => {
    const devices = ["acme/nobody", "acme/b", "acme/a", "", "acme/a"];
    const flush: ControlRecord = { v: 1, kind: "flush", upTo: T0 + 3_600_000, devices };
    const names = ["c", "b", "a"] as const;
    const done = runStage(
      recordsOf([...names.map((device) => ({ device, t: 1 })), flush, ...names.map((device) => ({ device, t: 2 }))]),
      { stage: mainStage },
    );
    expect(valuesOf(done, "aggregates")).toMatchObject([
      { device: "b", revision: 0, count: 1 },
      { device: "a", revision: 0, count: 1 },
      { device: "b", revision: 1, count: 2 },
      { device: "a", revision: 1, count: 2 },
    ]);
    expect(valuesOf(done, "dead-letters")).toEqual([]);
  });

  it("goes on to who reads the readings, behind those that came before it", () => {
    const flush: ControlRecord = { v: 1, kind: "flush", upTo: T0 + 3_600_000, devices: ["acme/a"] };
    const done = runStage(recordsOf([{ device: "a", t: 1 }, flush, { device: "a", t: 2 }]), { stage: mainStage });
    expect(valuesOf(done, "readings")).toMatchObject([{ metrics: { t: 1 } }, flush, { metrics: { t: 2 } }]);
    const [, passedOn] = done.outputs.get("readings") ?? [];
    expect(passedOn).toMatchObject({ key: null, timestamp: T0 + 10_000 });
    const headers = new Map(passedOn?.headers);
    expect(headers.get("kind")).toBe("flush");
    expect(headers.get("src")).toMatch(/^main telemetry 0 0 1 /);
  });

  it("of many devices takes several units, with the same bytes however they are cut", { timeout: 60_000 }, () => {
    const names = Array.from({ length: 1500 }, (_, index) => `d${index}`);
    const flush: ControlRecord = { v: 1, kind: "flush", upTo: T0 + 86_400_000, devices: names.map((n) => `acme/${n}`) };
    const records = recordsOf([...names.map((device) => ({ device, t: 1 })), { device: "other", t: 1 }, flush]);
    const whole = runStage(records, { stage: mainStage });
    const aggregates = valuesOf(whole, "aggregates");
    expect(aggregates).toHaveLength(1500);
    expect(aggregates.every((value) => (value as { device: string }).device !== "other")).toBe(true);
    const cut = runStage(records, { stage: mainStage, interrupt: (call) => (call > 1501 ? "restart" : "none") });
    expect(outputBytes(cut).join("\n")).toBe(outputBytes(whole).join("\n"));
  });
});
