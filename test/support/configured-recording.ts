import fc from "fast-check";
import { alarmRuleSchema } from "../../core/alarm-rule.ts";
import { deviceTypeSchema } from "../../core/device-type.ts";
import { controlLogRecord, logRecord } from "./log-records.ts";
import type { ControlRecord } from "../../core/control.ts";
import type { LogRecord } from "../../core/record.ts";

const START = Date.UTC(2026, 0, 1);
const DEVICES = ["a", "b", "c", "d"] as const;

interface Happening {
  readonly advanceMs: number;
  readonly device: (typeof DEVICES)[number];
  readonly value: number;
  readonly kind: "message" | "tick" | "type" | "rule" | "device" | "flush" | "nonsense";
}

const happening: fc.Arbitrary<Happening> = fc.record({
  advanceMs: fc.oneof({ weight: 6, arbitrary: fc.nat(4000) }, { weight: 1, arbitrary: fc.nat(60_000) }),
  device: fc.constantFrom(...DEVICES),
  value: fc.nat(7),
  kind: fc.oneof(
    { weight: 12, arbitrary: fc.constant("message" as const) },
    { weight: 1, arbitrary: fc.constantFrom("tick", "type", "rule", "device", "flush", "nonsense") },
  ),
});

/** A recording of the main stage's input in which everything changes that can: types, rules, devices that come and go, flushes. */
export const configuredRecording: fc.Arbitrary<LogRecord[]> = fc
  .array(happening, { minLength: 20, maxLength: 80, size: "max" })
  .map((happenings) => {
    let received = START;
    return happenings.map((one, offset) => {
      received += one.advanceMs;
      const { device, value, kind } = one;
      if (kind === "message") {
        const values = { x: value, ...(value % 2 === 0 ? { y: value * 10 } : {}) };
        return logRecord({ offset, timestamp: received, key: `t/${device}`, value: { ts: received - value, values } });
      }
      if (kind === "nonsense") return logRecord({ offset, timestamp: received, key: `t/${device}`, value: "{" });
      return controlLogRecord(offset, received, controlOf(one, offset, received));
    });
  });

function controlOf({ kind, value, device }: Happening, revision: number, received: number): ControlRecord {
  const removed = value === 0;
  switch (kind) {
    case "type": {
      const times = { idleMs: 500 * value, outOfOrderMs: 300 * value, windowMs: [value < 4 ? 2000 : 5000] };
      return {
        v: 1,
        kind: "device-type",
        revision,
        removed,
        type: deviceTypeSchema.parse({ tenant: "t", id: "probe", ...times }),
      };
    }
    case "rule": {
      const condition =
        value < 3
          ? { kind: "no-data", afterMs: 1000 * (value + 1) }
          : { kind: "threshold", metric: "x", op: ">", value: 3, deadband: value % 2 };
      const text = { id: `r${value % 3}`, name: "rule", severity: "high", onDelayMs: 500 * (value % 4) };
      return {
        v: 1,
        kind: "alarm-rule",
        revision,
        removed,
        rule: alarmRuleSchema.parse({ tenant: "t", ...text, condition }),
      };
    }
    case "device": {
      const state = {
        tenant: "t",
        id: device,
        type: value % 3 === 0 ? null : "probe",
        labels: {},
        disabled: value === 1,
      };
      return { v: 1, kind, revision, removed, device: state };
    }
    case "flush":
      return { v: 1, kind, upTo: received + 1000 * value, ...(value > 3 ? { devices: [`t/${device}`] } : {}) };
    default:
      return { v: 1, kind: "tick" };
  }
}
