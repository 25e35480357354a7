import { describe, expect, it } from "vitest";
import { referenceTableSchema } from "../../../core/reference-table.ts";
import { defineMap } from "../../../core/function.ts";
import { reader, T0 } from "../../support/counting-stage.ts";
import { controlLogRecord, logRecord } from "../../support/log-records.ts";
import { outputBytes, runStage, valuesOf } from "../../support/stage-run.ts";
import type { ControlRecord } from "../../../core/control.ts";
import type { LogRecord } from "../../../core/record.ts";
import type { StageDefinition } from "../../../core/stage.ts";
import type { Interruption } from "../../support/stage-run.ts";

/** Says what it is joined with. */
const told = defineMap<"readings">({
  name: "told",
  version: 1,
  input: "readings",
  outputs: ["device-events"],
  process({ ts, received }, context) {
    const { tenant, device, config } = context;
    const found = [
      config.reference(tenant, "limits", device),
      config.reference(tenant, "limits", "toString"),
      config.deviceLabels(tenant, device).labels,
    ];
    context.emit("device-events", {
      v: 1,
      tenant,
      device,
      kind: "late-dropped",
      ts,
      received,
      detail: JSON.stringify(found),
    });
  },
});
const STAGE: StageDefinition = { name: "main", input: "telemetry", functions: [reader, told] };

type Entry = ControlRecord | "message";

function records(entries: readonly Entry[]): LogRecord[] {
  return entries.map((entry, offset) => {
    if (entry !== "message") return controlLogRecord(offset, T0 + offset, entry);
    return logRecord({ offset, timestamp: T0 + offset, key: "t/a", value: { ts: T0 + offset, x: 1 } });
  });
}

function table(revision: number, rows: Record<string, number>, { removed = false, tenant = "t" } = {}): ControlRecord {
  return { v: 1, kind: "reference-table", revision, removed, table: { tenant, id: "limits", rows } };
}

function details(entries: readonly Entry[]): unknown[] {
  return valuesOf(runStage(records(entries), { stage: STAGE }), "device-events").map((value) => {
    const detail: unknown = typeof value === "object" && value !== null ? Reflect.get(value, "detail") : null;
    return typeof detail === "string" ? JSON.parse(detail) : null;
  });
}

describe("a reference table", () => {
  it("is joined as the control records up to the reading have made it", () => {
    const entries: Entry[] = [
      "message",
      table(1, { a: 5 }),
      "message",
      table(3, { a: 6 }),
      "message",
      table(2, { a: 7 }),
      "message",
      table(4, {}, { removed: true }),
      "message",
    ];
    expect(details(entries).map((found) => (Array.isArray(found) ? found[0] : found))).toEqual([null, 5, 6, 6, null]);
  });

  it("is its tenant's alone, and has no rows but its own", () => {
    expect(details([table(1, { a: 5 }, { tenant: "u" }), "message"])).toEqual([[null, null, {}]]);
    expect(details([table(1, { a: 5 }), "message"])).toEqual([[5, null, {}]]);
  });

  it("stays when a configuration snapshot of an older release names none, and goes when one does not name it", () => {
    const snapshot: ControlRecord = { v: 1, kind: "config-snapshot", revision: 9, types: [], rules: [], devices: [] };
    const first = (entries: Entry[]) => details(entries).map((found) => (Array.isArray(found) ? found[0] : found));
    expect(first([table(1, { a: 5 }), snapshot, "message"])).toEqual([5]);
    expect(first([table(1, { a: 5 }), { ...snapshot, tables: [] }, "message"])).toEqual([null]);
  });

  it("comes back with the state, from units and from a snapshot", () => {
    const all = records([table(1, { a: 5 }), "message", table(2, { a: 6 }), "message", "message"]);
    const whole = outputBytes(runStage(all, { stage: STAGE }));
    for (const interruption of ["restart", "snapshot"] satisfies Interruption[]) {
      const interrupt = (call: number): Interruption =>
        interruption === "snapshot" && call % 2 === 1 ? "snapshot" : "restart";
      expect(outputBytes(runStage(all, { stage: STAGE, interrupt }))).toEqual(whole);
    }
  });
});

describe("the labels of a device", () => {
  it("are those of its last control record", () => {
    const device = { tenant: "t", id: "a", type: null, labels: { site: "north" }, disabled: false };
    const control: ControlRecord = { v: 1, kind: "device", revision: 1, removed: false, device };
    expect(details([control, "message"])).toEqual([[null, null, { site: "north" }]]);
  });
});

describe("a row", () => {
  it.each([[1], ["a"], [null], [[1, { a: true }]], [{ a: [] }]])("may be %j", (row) => {
    expect(referenceTableSchema.safeParse({ tenant: "t", id: "limits", rows: { a: row } }).success).toBe(true);
  });

  it.each([[Number.NaN], [Infinity], [new Date(0)], [undefined], [1n], [[() => 1]], [nested(40)]])(
    "may not be %s",
    (row) => {
      const { error } = referenceTableSchema.safeParse({ tenant: "t", id: "limits", rows: { a: row } });
      expect(error?.issues[0]?.message).toBe("must be JSON");
    },
  );
});

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}
