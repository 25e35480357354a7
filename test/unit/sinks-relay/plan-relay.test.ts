import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { planRelay, type RelayLimits, type RelayStep } from "../../../sinks/relay/plan-relay.ts";
import { decodeForwardBatch } from "../../../wire/forward-batch.ts";
import { foreign, relayed } from "./relay-fixture.ts";
import type { LogRecord } from "../../../core/record.ts";

const slice = (records: readonly LogRecord[], nextOffset = (records.at(-1)?.offset ?? -1) + 1) => ({
  topic: "t",
  partition: 3,
  records,
  nextOffset,
});
const shown = (step: RelayStep): string => {
  if (step.kind === "envelope") {
    const messages = decodeForwardBatch(step.bytes).map(({ device, payload }) => `${device}=${payload.toString()}`);
    return `${messages.join(" ")} < ${step.nextOffset}`;
  }
  return step.kind === "bad" ? `bad ${step.bad.offset} < ${step.nextOffset}` : `nothing < ${step.nextOffset}`;
};
const steps = (records: readonly LogRecord[], limits: RelayLimits = LIMITS, nextOffset?: number) =>
  [...planRelay(slice(records, nextOffset), limits)].map(shown);

describe("what is done with what was fetched of a topic", () => {
  it("makes an envelope of it, in order, with what the upstream decides by", () => {
    const [step] = [...planRelay(slice([relayed(4, "a", "1"), relayed(5, "b", "2")], 9))];
    expect(step).toMatchObject({ kind: "envelope", messages: 2, nextOffset: 9 });
    const messages = step?.kind === "envelope" ? decodeForwardBatch(step.bytes) : [];
    expect(messages.map(({ device, origin, admissionId }) => [device, origin, admissionId])).toEqual([
      ["a", "ab 1 0 4 1000", "ab/at/1/0/4"],
      ["b", "ab 1 0 5 1000", "ab/at/1/0/5"],
    ]);
  });

  it("begins another one before a device has more than may come again, however the records lie in batches", () => {
    const limits = { ...LIMITS, relayedPerDeviceMax: 2 };
    const records = ["a", "b", "a", "b", "a", "c"].map((device, n) => relayed(n, device, String(n)));
    expect(steps(records, limits)).toEqual(["a=0 b=1 a=2 b=3 < 4", "a=4 c=5 < 6"]);
  });

  it("leaves room for what an edge repeats: with both, the upstream knows every message that may come again", () => {
    const segment = 16;
    const remembered = LIMITS.dedupeEntriesPerDevice - segment;
    expect(2 * (LIMITS.forwardedPerDeviceMax + LIMITS.relayedPerDeviceMax)).toBeLessThanOrEqual(remembered);
  });

  it("begins another one when it is full, by number and by size, and takes a large one alone", () => {
    const few = { ...LIMITS, forwardBatchRecordsMax: 2 };
    expect(
      steps(
        [0, 1, 2].map((n) => relayed(n, `d${n}`, "x")),
        few,
      ),
    ).toEqual(["d0=x d1=x < 2", "d2=x < 3"]);
    const large = "y".repeat(120_000);
    const records = [relayed(0, "a", "x"), relayed(1, "b", large), relayed(2, "c", "x")];
    expect(steps(records)).toEqual(["a=x < 1", `b=${large} < 2`, "c=x < 3"]);
  });

  it("parts what cannot be relayed from what can, and says why", () => {
    const unpacked = new Uint8Array(randomBytes(LIMITS.forwardBatchBytesMax + 1));
    const huge = new Uint8Array(LIMITS.forwardPayloadBytesMax + 1);
    const records = [
      relayed(0, "a", "1"),
      foreign(1),
      relayed(2, "b", unpacked),
      relayed(3, "c", huge),
      relayed(4, "a", "2"),
    ];
    expect(steps(records, LIMITS, 7)).toEqual(["a=1 < 1", "bad 1 < 2", "bad 2 < 3", "bad 3 < 4", "a=2 < 7"]);
    const reasons = [...planRelay(slice(records))].flatMap((step) => (step.kind === "bad" ? [step.bad.reason] : []));
    expect(reasons).toEqual([
      "a forwarded message does not say where it comes from",
      `compressed it is larger than ${LIMITS.forwardBatchBytesMax} bytes`,
      `a forwarded message is larger than ${LIMITS.forwardPayloadBytesMax} bytes`,
    ]);
    expect(steps([foreign(8)], LIMITS, 12)).toEqual(["bad 8 < 9", "nothing < 12"]);
  });

  it("says what of a topic cannot be read at all", () => {
    const corrupt = { ...slice([], 12), corrupt: { fromOffset: 8, toOffset: 12 } };
    expect([...planRelay(corrupt)].map(shown)).toEqual(["bad 8 < 12"]);
  });
});
