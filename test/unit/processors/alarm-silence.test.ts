import { describe, expect, it } from "vitest";
import { MINUTE, SILENT, T0, events, flush, runRules, story } from "../../support/alarm-story.ts";
import { controlLogRecord } from "../../support/log-records.ts";
import type { ControlRecord } from "../../../core/control.ts";

describe("a no-data alarm", () => {
  it("is raised when the device has been silent for so long, and cleared by its next reading", () => {
    expect(
      story(
        [SILENT],
        [
          [0, 1],
          [29, 1],
          [58, 1],
          [100, 1],
        ],
      ),
    ).toEqual(["+88", "-100"]);
    expect(story([SILENT], [[0, 1], flush(29)])).toEqual([]);
    expect(story([SILENT], [[0, 1], flush(30)])).toEqual(["+30"]);
  });

  it("is raised by ticks alone", () => {
    const run = runRules([SILENT], [[0, 1]]);
    const tick = { v: 1, kind: "tick" } as const;
    expect(run.state.nextTimer).toBe(T0 + 2 * MINUTE);
    run.state.process(controlLogRecord(2, T0 + 2 * MINUTE, tick));
    expect(run.state.process(controlLogRecord(3, T0 + 31 * MINUTE, tick))).toBe(true);
    expect(run.state.seal()?.outputs.get("alarms")).toHaveLength(1);
  });

  it("is raised for a device that was silent before the rule came", () => {
    const control: ControlRecord = { v: 1, kind: "alarm-rule", revision: 2, removed: false, rule: SILENT };
    expect(story([], [[0, 1], control, flush(40)])).toEqual(["+30"]);
  });

  it("is another alarm after its rule was changed", () => {
    const changed = { ...SILENT, name: "Quiet" };
    const control: ControlRecord = { v: 1, kind: "alarm-rule", revision: 2, removed: false, rule: changed };
    const all = events([SILENT], [[0, 1], flush(40), control, flush(50)]);
    expect(all.map(({ transition, reason }) => reason ?? transition)).toEqual(["raised", "rule-changed", "raised"]);
    expect(all[2]?.id).not.toBe(all[0]?.id);
  });

  it("says for how long", () => {
    const all = events(
      [SILENT],
      [
        [0, 1],
        [90, 1],
      ],
    );
    expect(all.map(({ message }) => message)).toEqual(["no data for 30 min", "data again after 1 h of alarm"]);
    expect(all[0]?.metric).toBeUndefined();
  });
});
