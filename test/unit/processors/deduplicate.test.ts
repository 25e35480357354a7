import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { HEADER } from "../../../core/record.ts";
import { clean } from "../../../processors/clean/clean.ts";
import { logRecord } from "../../support/log-records.ts";
import { runStage } from "../../support/stage-run.ts";
import type { Header } from "../../../core/record.ts";
import type { StageDefinition } from "../../../core/stage.ts";

const T0 = Date.UTC(2026, 0, 1);
const stage: StageDefinition = { name: "clean-only", input: "telemetry", functions: [clean] };

interface Sent {
  readonly value: object | string;
  readonly device?: string;
  readonly headers?: readonly Header[];
}

function duplicatesOf(sent: readonly Sent[]): number {
  const records = sent.map(({ value, device = "a", headers = [] }, offset) => {
    return logRecord({ offset, timestamp: T0 + offset, key: `t/${device}`, value, headers });
  });
  const { totals } = runStage(records, { stage, interrupt: (call) => (call % 50 === 0 ? "restart" : "none") });
  return [...totals.values()].reduce((sum, { duplicate }) => sum + duplicate, 0);
}

const timed = (t: number, at = 0): Sent => ({ value: { ts: T0 - 100_000 + at, values: { t } } });

function mqtt(admission: string, packetId: string, dup = false, clientId = "c"): readonly Header[] {
  const ids: Header[] = [
    [HEADER.admissionId, admission],
    [HEADER.packetId, packetId],
    [HEADER.clientId, clientId],
  ];
  return dup ? [...ids, [HEADER.dup, "1"]] : ids;
}

describe("a resend", () => {
  it("is told by the same device's time and payload, in order or late", () => {
    expect(duplicatesOf([timed(1), timed(1)])).toBe(1);
    expect(duplicatesOf([timed(1, 0), timed(2, 10), timed(3, 20), timed(1, 0), timed(2, 10)])).toBe(2);
  });

  it("is not seen in another device's message, another value or another time", () => {
    expect(duplicatesOf([timed(1), { ...timed(1), device: "b" }, timed(2), timed(1, 1)])).toBe(0);
  });

  it("without a time of its own is told by DUP with the same client, packet id and payload", () => {
    const value = { t: 1 };
    expect(
      duplicatesOf([
        { value, headers: mqtt("g.1.1", "7") },
        { value, headers: mqtt("g.1.2", "7", true) },
      ]),
    ).toBe(1);
  });

  it("without a time is a new message when its gateway's client has the same id and packet id", () => {
    const value = { t: 1 };
    const by = (principal: string, admission: string, dup: boolean): Sent => ({
      value,
      headers: [...mqtt(admission, "7", dup), [HEADER.principal, principal]],
    });
    expect(duplicatesOf([by("device:gw", "g.1.1", false), by("device:a", "g.1.2", true)])).toBe(0);
    expect(duplicatesOf([by("device:gw", "g.1.1", false), by("device:gw", "g.1.2", true)])).toBe(1);
  });

  it("without a time is a new message without DUP, or from another client, or with another packet id", () => {
    const value = { t: 1 };
    const first = { value, headers: mqtt("g.1.1", "7") };
    expect(duplicatesOf([first, { value, headers: mqtt("g.1.2", "7") }])).toBe(0);
    expect(duplicatesOf([first, { value, headers: mqtt("g.1.2", "8", true) }])).toBe(0);
    expect(duplicatesOf([first, { value, headers: mqtt("g.1.2", "7", true, "d") }])).toBe(0);
    expect(duplicatesOf([first, { value: { t: 2 }, headers: mqtt("g.1.2", "7", true) }])).toBe(0);
  });

  it("is told by its admission id, whoever appended it again", () => {
    const value = { t: 1 };
    const other = { value, headers: mqtt("g.1.2", "8") };
    expect(duplicatesOf([{ value, headers: mqtt("g.1.1", "7") }, other, { value, headers: mqtt("g.1.1", "7") }])).toBe(
      1,
    );
    expect(
      duplicatesOf([
        { value, headers: mqtt("g.1.9", "7") },
        { value, headers: mqtt("h.1.1", "7") },
      ]),
    ).toBe(0);
  });

  it("is told by the admission id of QoS 2 although one of the same gateway came again before it", () => {
    const value = { t: 1 };
    for (const separator of [".", "/"]) {
      const of = (sequence: number): Sent => {
        const id = ["g", "1", String(sequence)].join(separator);
        return {
          value: { t: sequence },
          headers: [
            [HEADER.admissionId, id],
            [HEADER.qos, "2"],
          ],
        };
      };
      const between = { value, headers: [...mqtt("g.2.1", "7"), [HEADER.qos, "1"]] } as const;
      expect(duplicatesOf([of(2), of(1), of(2)])).toBe(1);
      expect(duplicatesOf([of(2), between, of(1), of(2), of(1)])).toBe(2);
    }
  });

  it("is told when its time is beyond belief or its payload is no JSON", () => {
    expect(duplicatesOf([{ value: '{"ts":1e400,"values":{"t":1}}' }, { value: '{"ts":1e400,"values":{"t":1}}' }])).toBe(
      1,
    );
    const value = "garbage";
    expect(
      duplicatesOf([
        { value, headers: mqtt("g.1.1", "7") },
        { value, headers: mqtt("g.1.1", "7") },
      ]),
    ).toBe(1);
  });

  it("is told within the horizon, and forgotten behind it", () => {
    const many = (count: number): Sent[] => Array.from({ length: count }, (_, index) => timed(index, index + 1));
    expect(duplicatesOf([timed(1), ...many(LIMITS.dedupeEntriesPerDevice - 40), timed(1)])).toBe(1);
    expect(duplicatesOf([timed(1), ...many(LIMITS.dedupeEntriesPerDevice + 1), timed(1)])).toBe(0);
  });
});
