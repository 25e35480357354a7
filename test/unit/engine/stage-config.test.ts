import { describe, expect, it } from "vitest";
import { alarmRuleSchema } from "../../../core/alarm-rule.ts";
import { joinKey } from "../../../engine/key-state.ts";
import { StageConfig } from "../../../engine/stage-config.ts";
import { StateStore } from "../../../engine/state-store.ts";
import { UndoLog } from "../../../engine/undo-log.ts";

function configured() {
  const store = new StateStore(new UndoLog(), new Map());
  const config = new StageConfig(store);
  const label = (id: string, revision: number, line: string): void => {
    const device = { tenant: "t", id, type: null, labels: { line }, disabled: false };
    config.apply({ v: 1, kind: "device", revision, removed: false, device });
  };
  const of = (key: string) => config.of(store.key(key));
  return { config, label, of };
}

describe("what applies to a device", () => {
  it("is worked out anew when its own control record changes it, also where it is joined", () => {
    const { label, of } = configured();
    label("a", 1, "one");
    const joined = joinKey("t/a", "pairs");
    expect([of("t/a"), of(joined)].map(({ labels }) => labels.labels)).toEqual([{ line: "one" }, { line: "one" }]);
    label("a", 2, "two");
    expect([of("t/a"), of(joined)].map(({ labels }) => labels.labels)).toEqual([{ line: "two" }, { line: "two" }]);
  });

  it("stays as it was worked out when another device changes, and not when a rule does", () => {
    const { config, label, of } = configured();
    label("a", 1, "one");
    const before = of("t/a");
    label("b", 2, "one");
    label("b", 3, "two");
    expect(of("t/a")).toBe(before);
    const condition = { kind: "threshold", metric: "x", op: ">", value: 1, deadband: 0 };
    const rule = alarmRuleSchema.parse({
      tenant: "t",
      id: "hot",
      name: "hot",
      severity: "high",
      condition,
      onDelayMs: 0,
      offDelayMs: 0,
    });
    config.apply({ v: 1, kind: "alarm-rule", revision: 4, removed: false, rule });
    expect(of("t/a").rules).toHaveLength(1);
  });
});
