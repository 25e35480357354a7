import { describe, expect, it } from "vitest";
import { quarantinedSchema } from "../../../core/derived-records.ts";
import { HEADER } from "../../../core/record.ts";
import { clean } from "../../../processors/clean/clean.ts";
import { logRecord } from "../../support/log-records.ts";
import { runStage, valuesOf } from "../../support/stage-run.ts";
import type { Header } from "../../../core/record.ts";
import type { StageDefinition } from "../../../core/stage.ts";

const T0 = Date.UTC(2026, 0, 1);
const stage: StageDefinition = { name: "clean-only", input: "telemetry", functions: [clean] };
const GATEWAY_TOPIC = "v1/gateway/telemetry";

interface RefusedPart {
  readonly value: string;
  readonly reason: string;
  readonly topic?: string;
  readonly headers?: readonly Header[];
}

/** What becomes of these, each refused by the edge and put under the gateway's key. */
function run(parts: readonly RefusedPart[]) {
  const records = parts.map(({ value, reason, topic = GATEWAY_TOPIC, headers = [] }, index) =>
    logRecord({
      offset: index,
      timestamp: T0 + index,
      key: "t/gw",
      value,
      headers: [[HEADER.mqttTopic, topic], [HEADER.refused, reason], ...headers],
    }),
  );
  const done = runStage(records, { stage });
  expect([valuesOf(done, "readings"), valuesOf(done, "dead-letters")]).toEqual([[], []]);
  const quarantine = valuesOf(done, "quarantine").map((value) => quarantinedSchema.parse(value));
  return {
    texts: quarantine.map(({ device, reason, detail, payload }) => `${device} ${reason}: ${detail}: ${payload}`),
    outcomes: done.totals.get("t/gw"),
  };
}

describe("what the edge has refused of a gateway's message", () => {
  it.each([
    [{ value: '"x":[{"t":1}]', reason: "foreign-device" }, 'foreign-device: the gateway may not publish for "x": '],
    [{ value: '"a b":[1]', reason: "bad-device" }, 'bad-device: "a b" is no device id: "a b":[1]'],
    [{ value: '"\\x":[1]', reason: "bad-device" }, 'bad-device: the name is no device id: "\\x":[1]'],
    [
      { value: '{"t":1}', reason: "foreign-device", topic: "millrace/t/x/telemetry" },
      'foreign-device: the gateway may not publish for "x": ',
    ],
    [
      { value: '{"x":[{"t":1}]}', reason: "too-many-devices" },
      'too-many-devices: the message names too many devices: {"x":[{"t":1}]}',
    ],
    [
      { value: '{"t":1}', reason: "bad-json" },
      'bad-json: the message is no object of device names, each with its telemetry: {"t":1}',
    ],
  ])("goes to quarantine with the reason, even if it could be a reading: %j", (part, text) => {
    const { texts, outcomes } = run([part]);
    expect(texts).toEqual([`gw ${text}`]);
    expect(outcomes).toMatchObject({ quarantined: 1, processed: 0, valuesProduced: 0 });
  });

  it("cuts a name that is long", () => {
    const [text = ""] = run([{ value: `"${"x".repeat(700)}":1`, reason: "bad-device" }]).texts;
    expect(text).toContain(`bad-device: "${"x".repeat(130)}" is no`);
  });

  it("counts once when it comes again", () => {
    const resent = (dup: string): RefusedPart => ({
      value: '"x":[{"t":1}]',
      reason: "foreign-device",
      headers: [
        [HEADER.clientId, "box"],
        [HEADER.packetId, "7"],
        [HEADER.dup, dup],
      ],
    });
    expect(run([resent("0"), resent("1")]).outcomes).toMatchObject({ quarantined: 1, duplicate: 1 });
  });
});
