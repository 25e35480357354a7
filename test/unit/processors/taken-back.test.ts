import { describe, expect, it } from "vitest";
import { defineMap } from "../../../core/function.ts";
import { mainStage } from "../../../processors/main-stage.ts";
import { DUST, MINUTE, T0 } from "../../support/alarm-story.ts";
import { controlLogRecord, logRecord } from "../../support/log-records.ts";
import { runStage } from "../../support/stage-run.ts";
import type { LogRecord } from "../../../core/record.ts";
import type { StageDefinition } from "../../../core/stage.ts";

/** Behind the stock functions, which have all done their part by then. */
const bomb = defineMap({
  name: "bomb",
  version: 1,
  input: "readings",
  outputs: [],
  process({ metrics }) {
    if ("bomb" in metrics) throw new RangeError("boom");
  },
});
const stage: StageDefinition = { ...mainStage, functions: [...mainStage.functions, bomb] };

const BOMB = { "PM2.5": 9, bomb: 1 };
const config = controlLogRecord(0, T0, {
  v: 1,
  kind: "config-snapshot",
  revision: 1,
  types: [],
  rules: [DUST],
  devices: [{ tenant: "t", id: "a", type: "air", labels: {}, disabled: false }],
});

function message(offset: number, minutes: number, values: object, timed = true): LogRecord {
  const at = T0 + minutes * MINUTE;
  return logRecord({ offset, timestamp: at, key: "t/a", value: timed ? { ts: at, values } : { values } });
}

/** All that is kept of devices, as it is written down. */
function stateAfter(records: readonly LogRecord[]): string[] {
  const { state } = runStage([config, ...records], { stage });
  const slots = [...state.snapshotChunks()]
    .flatMap((chunk) => chunk.slots)
    .filter(({ fn, key }) => key !== "" && fn !== "$config");
  return slots.map(({ fn, key, name, value }) => `${fn} ${key} ${name} ${value}`);
}

describe("a message that fails behind the stock functions", () => {
  const before = [message(1, 0, { "PM2.5": 5 }), message(2, 0.1, { "PM2.5": 6 })];

  it.each([
    ["in the same window", 0.2, true],
    ["in the next window, of which it is the first, and which closes the one before", 1.5, true],
    ["so late that its window is closed already", -2, true],
    ["without a time of its own", 0.2, false],
  ])("leaves nothing behind: %s", (_, minutes, timed) => {
    const failed = logRecord({
      offset: 3,
      timestamp: T0 + Math.max(minutes, 0.2) * MINUTE,
      key: "t/a",
      value: timed ? { ts: T0 + minutes * MINUTE, values: BOMB } : { values: BOMB },
    });
    const wanted = stateAfter(before);
    expect(wanted.length).toBeGreaterThan(3);
    expect(stateAfter([...before, failed])).toEqual(wanted);
  });

  it("leaves nothing behind of a device that nothing else has come of", () => {
    expect(stateAfter([message(1, 0, BOMB)])).toEqual([]);
  });
});
