import { describe, expect, it } from "vitest";
import { quarantinedSchema, readingSchema } from "../../../core/derived-records.ts";
import { formatForwardedOrigin } from "../../../core/forwarded-origin.ts";
import { LIMITS } from "../../../core/limits.ts";
import { HEADER, type Header } from "../../../core/record.ts";
import { clean } from "../../../processors/clean/clean.ts";
import { controlLogRecord, logRecord } from "../../support/log-records.ts";
import { runStage, valuesOf } from "../../support/stage-run.ts";
import type { ControlRecord } from "../../../core/control.ts";
import type { StageDefinition } from "../../../core/stage.ts";

const DAY = 86_400_000;
const T0 = Date.UTC(2026, 0, 10);
const stage: StageDefinition = { name: "clean-only", input: "telemetry", functions: [clean] };

interface Forwarded {
  readonly value: object;
  /** Receive time at the edge. */
  readonly received: number;
  /** Admission id at the edge. */
  readonly id?: string;
  readonly headers?: readonly Header[];
}

/** What becomes of messages that come in at T0 and after. */
function cleaned(messages: readonly Forwarded[]) {
  const device = { tenant: "t", id: "a", type: null, labels: {}, disabled: false };
  const begin: ControlRecord = {
    v: 1,
    kind: "config-snapshot",
    revision: 1,
    types: [],
    rules: [],
    devices: [device],
  };
  const records = messages.map(({ value, received, id, headers = [] }, index) => {
    const origin = { installation: "abc", generation: 1, partition: 0, offset: index, received };
    const all = [
      [HEADER.forwarded, formatForwardedOrigin(origin)],
      [HEADER.admissionId, `abc/local/1/${id ?? index}`],
      ...headers,
    ] as const;
    return logRecord({ offset: index + 1, timestamp: T0 + index, key: "t/a", value, headers: all });
  });
  const run = runStage([controlLogRecord(0, T0, begin), ...records], { stage });
  return {
    readings: valuesOf(run, "readings").map((value) => readingSchema.parse(value)),
    quarantine: valuesOf(run, "quarantine").map((value) => quarantinedSchema.parse(value)),
    outcomes: run.totals.get("t/a"),
  };
}

describe("a message that an edge has forwarded", () => {
  it("has the edge's receive time where it has none of its own, days later", () => {
    const { readings } = cleaned([{ value: { n: 1 }, received: T0 - 3 * DAY }]);
    expect(readings).toMatchObject([{ ts: T0 - 3 * DAY, received: T0, tsFromReceive: true }]);
  });

  it("is judged by when it came in there: a time that was too far ahead stays so", () => {
    const received = T0 - 3 * DAY;
    const ahead = received + LIMITS.eventTimeAheadMsMax;
    const { readings, quarantine } = cleaned([
      { value: { ts: ahead, values: { n: 1 } }, received },
      { value: { ts: ahead + 1, values: { n: 2 } }, received },
    ]);
    expect(readings).toMatchObject([{ ts: ahead, metrics: { n: 1 } }]);
    expect(quarantine).toMatchObject([{ reason: "time-in-future" }]);
  });

  it.each([
    ["before 2000", 5000, "time-before-2000"],
    ["far ahead", T0 + DAY, "time-in-future"],
  ])("is quarantined, values and all, where the clock of the edge is %s", (_, received, reason) => {
    const { readings, quarantine } = cleaned([{ value: { n: 1 }, received }]);
    expect(readings).toEqual([]);
    expect(quarantine).toMatchObject([{ reason, payload: expect.stringContaining('"n":1') }]);
  });

  it("lets no clock of an edge make times believable that are not", () => {
    const { quarantine } = cleaned([{ value: { ts: T0 + DAY, values: { n: 1 } }, received: T0 + DAY }]);
    expect(quarantine).toMatchObject([{ reason: "time-in-future" }]);
  });

  it("counts once when it comes again, with and without a time, in any order", () => {
    const received = T0 - DAY;
    const plain = (id: string) => ({ value: { n: 1 }, received, id });
    const timed = (n: number) => ({ value: { ts: received + n, values: { n } }, received, id: `timed-${n}` });
    const first = [plain("1"), plain("2"), timed(1), plain("3"), timed(2)];
    const more = [plain("4"), timed(3)];
    const { readings, outcomes } = cleaned([...first, ...first, ...more, ...first.slice(0, 2).toReversed(), ...more]);
    expect(readings).toHaveLength(7);
    expect(outcomes).toMatchObject({ duplicate: 9 });
  });

  it("counts once as the device's resend at the edge did: by DUP, client and packet id", () => {
    const resend = (dup: string): readonly Header[] => [
      [HEADER.clientId, "c"],
      [HEADER.packetId, "7"],
      [HEADER.dup, dup],
    ];
    const received = T0 - DAY;
    const { readings } = cleaned([
      { value: { n: 1 }, received, headers: resend("0") },
      { value: { n: 1 }, received: received + 500, headers: resend("1") },
      { value: { n: 1 }, received: received + 900, headers: resend("0") },
    ]);
    expect(readings.map(({ ts }) => ts)).toEqual([received, received + 900]);
  });

  it("is recognised after as many as may be sent again, with two entries each", () => {
    const received = T0 - DAY;
    const of = (id: number): Forwarded => {
      const headers = [
        [HEADER.clientId, "c"],
        [HEADER.packetId, String(id + 1)],
        [HEADER.dup, "0"],
      ] as const;
      return { value: { n: 1 }, received, id: String(id), headers };
    };
    const once = Array.from({ length: LIMITS.forwardedPerDeviceMax }, (_, id) => of(id));
    const { readings, outcomes } = cleaned([...once, ...once, ...once]);
    expect(readings).toHaveLength(LIMITS.forwardedPerDeviceMax);
    expect(outcomes).toMatchObject({ duplicate: 2 * LIMITS.forwardedPerDeviceMax });
  });
});
