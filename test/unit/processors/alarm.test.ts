import { describe, expect, it } from "vitest";
import { DUST, HOUR, MINUTE, T0, events, flush, ruleOf, runRules, story } from "../../support/alarm-story.ts";
import { valuesOf } from "../../support/stage-run.ts";

describe("a threshold alarm", () => {
  it("is raised by the first value beyond, and cleared when the value is back by the deadband", () => {
    expect(
      story(
        [DUST],
        [
          [0, 150],
          [1, 151],
          [2, 200],
          [3, 141],
          [4, 140],
          [5, 150],
        ],
      ),
    ).toEqual(["+1", "-4"]);
  });

  it("waits for the on-delay, and forgets what did not last", () => {
    const rule = { ...DUST, onDelayMs: 3 * MINUTE };
    expect(
      story(
        [rule],
        [
          [0, 160],
          [1, 160],
          [2, 150],
          [3, 160],
          [4, 160],
          [5, 160],
          [7, 160],
        ],
      ),
    ).toEqual(["+6"]);
    expect(
      story(
        [rule],
        [
          [0, 160],
          [2, 160],
          [2.5, 150],
        ],
      ),
    ).toEqual([]);
  });

  it("waits for the off-delay, and stays when the value comes again meanwhile", () => {
    const rule = { ...DUST, offDelayMs: 3 * MINUTE };
    expect(
      story(
        [rule],
        [
          [0, 160],
          [1, 100],
          [2, 145],
          [3, 100],
          [9, 100],
        ],
      ),
    ).toEqual(["+0", "-6"]);
  });

  it("is raised by event time, however late the reading that follows", () => {
    expect(
      story(
        [{ ...DUST, onDelayMs: 3 * MINUTE }],
        [
          [0, 160],
          [600, 100],
        ],
      ),
    ).toEqual(["+3", "-600"]);
  });

  it("is raised for a device that has fallen silent", () => {
    expect(story([{ ...DUST, onDelayMs: 3 * MINUTE }], [[0, 160], flush(3)])).toEqual(["+3"]);
    expect(story([{ ...DUST, onDelayMs: 3 * MINUTE }], [[0, 160], flush(2)])).toEqual([]);
  });

  it("says what, how much and for how long, with the type's unit", () => {
    const rule = { ...DUST, onDelayMs: 3 * HOUR };
    const [raised, cleared] = events(
      [rule],
      [
        [0, 155],
        [60, 162],
        [200, 100],
      ],
    );
    expect(raised).toMatchObject({
      rule: "dust",
      ruleName: "Dust",
      severity: "critical",
      metric: "PM2.5",
      value: 162,
      since: T0,
      message: "PM2.5 162 µg/m³ > 150 for 3 h",
    });
    expect(cleared).toMatchObject({
      id: raised?.id,
      reason: "condition",
      value: 100,
      message: "PM2.5 100 µg/m³: no longer > 150, after 3 h 20 min",
    });
    expect(raised?.id).toMatch(/^[0-9a-f]{32}$/);
  });

  it("counts an older reading as late and does not apply it", () => {
    const run = runRules(
      [DUST],
      [
        [0, 100],
        [10, 160],
        [5, 100],
        [11, 160],
      ],
    );
    expect(valuesOf(run, "alarms")).toHaveLength(1);
    expect(run.totals.get("t/a")).toMatchObject({ lateForAlarm: 1, processed: 4 });
    expect(valuesOf(run, "device-events")).toMatchObject([{ kind: "late-for-alarm", ts: T0 + 5 * MINUTE }]);
  });

  it("does not look at readings without its metric, and counts booleans as 1 and 0", () => {
    expect(
      story(
        [DUST],
        [
          [0, 160],
          [5, null],
          [4, 100],
        ],
      ),
    ).toEqual(["+0", "-4"]);
    const leak = ruleOf({ condition: { kind: "threshold", metric: "leak", op: ">", value: 0 } });
    expect(
      story(
        [leak],
        [
          [0, false],
          [1, true],
          [2, false],
        ],
      ),
    ).toEqual(["+1", "-2"]);
  });

  it.each([
    [
      ">=",
      [
        [0, 149],
        [1, 150],
        [2, 140],
        [3, 139],
      ],
      ["+1", "-3"],
    ],
    [
      "<",
      [
        [0, 150],
        [1, 149],
        [2, 159],
        [3, 160],
      ],
      ["+1", "-3"],
    ],
    [
      "<=",
      [
        [0, 151],
        [1, 150],
        [2, 160],
        [3, 161],
      ],
      ["+1", "-3"],
    ],
  ] as const)("knows %s", (op, entries, expected) => {
    const rule = ruleOf({ condition: { kind: "threshold", metric: "PM2.5", op, value: 150, deadband: 10 } });
    expect(story([rule], entries)).toEqual(expected);
  });

  it("never gives two alarms one id, not even within one millisecond", () => {
    const all = events(
      [DUST],
      [
        [0, 160],
        [0, 100],
        [0, 161],
        [1, 100],
      ],
    );
    expect(all.map(({ transition }) => transition)).toEqual(["raised", "cleared", "raised", "cleared"]);
    expect(new Set(all.map(({ id }) => id)).size).toBe(2);
  });
});
