import { describe, expect, it } from "vitest";
import { isMillraceError } from "../../../core/errors.ts";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { T0, message, countingStage as stage } from "../../support/counting-stage.ts";
import { controlLogRecord } from "../../support/log-records.ts";
import type { LogRecord } from "../../../core/record.ts";
import type { UnitBody } from "../../../core/commit-unit.ts";

describe("a partition that is restored", () => {
  const units = (): UnitBody[] => unitsOf([message(0, "a", 0, 1), message(1, "a", 1, 1), message(2, "b", 1, 1)]);
  const damaged = (): UnitBody[] =>
    units().map((unit) => ({
      ...unit,
      slots: unit.slots.map((slot) => (slot.name === "n" ? { ...slot, value: '"text"' } : slot)),
    }));

  it("goes on where its last unit ended", () => {
    const state = createStagePartition({ stage, partition: 0, generation: 0 }, { snapshot: [], units: units() });
    expect(state.next).toEqual({ offset: 3, step: 0 });
    expect(state.totals().get("t/a")?.processed).toBe(2);
    expect(state.nextTimer).toBe(T0 + 71_000);
  });

  it("refuses units with a hole between them", () => {
    const [first, , third] = units();
    const restore = (): unknown => {
      const all = [first, third].flatMap((unit) => unit ?? []);
      return createStagePartition({ stage, partition: 0, generation: 0 }, { snapshot: [], units: all });
    };
    expect(restore).toThrow(expect.objectContaining({ code: "STATE_INVALID" }));
  });

  it("refuses state of another stage", () => {
    const other = { ...stage, name: "other" };
    const restore = (): unknown =>
      createStagePartition({ stage: other, partition: 0, generation: 0 }, { snapshot: [], units: units() });
    expect(restore).toThrow(expect.objectContaining({ code: "STATE_INVALID" }));
  });

  it("stops at state that does not have its function's shape, instead of blaming the record", () => {
    const state = createStagePartition({ stage, partition: 0, generation: 0 }, { snapshot: [], units: damaged() });
    const failure = thrownBy(() => state.process(message(3, "a", 2, 1)));
    expect(isMillraceError(failure, "STATE_INVALID")).toBe(true);
  });

  it("stops at it in a redrive too, which leaves nothing behind", () => {
    const state = createStagePartition({ stage, partition: 0, generation: 0 }, { snapshot: [], units: damaged() });
    expect(thrownBy(() => state.process(redriveOf(message(1, "a", 1, 1))))).toMatchObject({ code: "STATE_INVALID" });
    expect(state.deadLetters).toBe(0);
    state.process(message(4, "c", 2, 1));
    expect(state.totals().get("t/c")).toMatchObject({ processed: 1 });
  });

  it("refuses a record that it has processed", () => {
    const state = createStagePartition({ stage, partition: 0, generation: 0 }, { snapshot: [], units: units() });
    expect(thrownBy(() => state.process(message(1, "a", 1, 1)))).toMatchObject({ code: "STATE_INVALID" });
  });
});

/** Asks for it to be run again, at offset 3. */
function redriveOf({ offset, timestamp, value }: LogRecord): LogRecord {
  return controlLogRecord(3, T0 + 2000, {
    v: 1,
    kind: "redrive",
    stage: "test",
    function: "parse",
    attempt: 1,
    tenant: "t",
    device: "a",
    source: { topic: "telemetry", partition: 0, offset },
    received: timestamp,
    headers: [],
    payload: Buffer.from(value).toString("base64"),
  });
}

function unitsOf(records: readonly LogRecord[]): UnitBody[] {
  const state = createStagePartition({ stage, partition: 0, generation: 0 });
  return records.flatMap((record) => {
    state.process(record);
    return state.seal()?.body ?? [];
  });
}

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
