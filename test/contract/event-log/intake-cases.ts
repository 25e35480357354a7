import { describe, expect } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { PackedHeaders, packText } from "../../../wire/packed-headers.ts";
import { at, readPartition, readRecords, text } from "./log-harness.ts";
import { withLog } from "./with-log.ts";
import type { MillraceError } from "../../../core/errors.ts";
import type { AppendGroup } from "../../../core/event-log.ts";
import type { PackedRecord } from "../../../core/record.ts";
import type { LogHarness } from "./log-harness.ts";

const HEADERS = new PackedHeaders([["client", "c1"]], [{ name: "adm", prefix: "gw.1." }]);

/** One for all, as the gateway has it: the log copies. */
function packed(value: string, number: number): PackedRecord {
  const source = Buffer.from(`<${value}>`);
  HEADERS.rewind();
  HEADERS.number(0, number);
  return {
    timestamp: 1_700_000_000_000 + number,
    key: packText("acme/pümpe"),
    source,
    valueStart: 1,
    valueEnd: source.length - 1,
    headers: HEADERS.bytes,
    headersLength: HEADERS.length,
  };
}

/** Null when the group has landed. */
function outcome(group: AppendGroup): Promise<MillraceError | null> {
  return new Promise((resolve) => {
    group.wait({ landed: () => resolve(null), failed: resolve });
  });
}

export function intakeCases(harness: LogHarness): void {
  describe("the intake", () => {
    withLog(harness, "takes records as they are, in the order in which they come", async (log, under) => {
      const intake = under.gateway.intake("telemetry");
      const numbers = Array.from({ length: 1000 }, (_, index) => index);
      const outcomes = await Promise.all(
        numbers.map((number) => outcome(intake.take(number % 2, packed("v", number)))),
      );
      expect(new Set(outcomes)).toEqual(new Set([null]));
      const reader = log.openReader([at("telemetry", 1, 0)]);
      const read = (await readRecords(reader, 500)).flatMap(({ records }) => records);
      reader.close();
      expect(read.map(({ timestamp }) => timestamp - 1_700_000_000_000)).toEqual(numbers.filter((n) => n % 2 === 1));
      expect(read[499]).toMatchObject({ key: "acme/pümpe", offset: 499 });
      expect(Buffer.from(read[499]?.value ?? []).toString()).toBe("v");
      expect(read[499]?.headers()).toEqual([
        ["client", "c1"],
        ["adm", "gw.1.999"],
      ]);
    });

    withLog(harness, "keeps its order among appends of the same caller", async (log, under) => {
      const intake = under.gateway.intake("telemetry");
      const first = outcome(intake.take(0, packed("taken", 1)));
      const second = under.gateway.append("telemetry", 0, [text("appended")]);
      const third = outcome(intake.take(0, packed("taken again", 2)));
      expect(await Promise.all([first, second, third])).toEqual([null, 1, null]);
      expect(await readPartition(log, "telemetry", 0, 0)).toEqual(["taken", "appended", "taken again"]);
    });

    withLog(harness, "copies: the bytes may be used again at once", async (log, under) => {
      const record = packed("kept", 7);
      const landed = outcome(under.gateway.intake("telemetry").take(0, record));
      record.source.fill(0);
      record.headers.fill(0, record.headersLength - 1, record.headersLength);
      record.key.fill(0, 1);
      expect(await landed).toBeNull();
      expect(await readPartition(log, "telemetry", 0, 0)).toEqual(["kept"]);
    });

    withLog(harness, "says at once what it does not take, and takes the next", async (log, under) => {
      const intake = under.gateway.intake("telemetry");
      const tooLarge = packed("x".repeat(LIMITS.recordBytesMax + 1), 1);
      expect(() => intake.take(0, tooLarge)).toThrow(expect.objectContaining({ code: "PAYLOAD_TOO_LARGE" }));
      expect(() => intake.take(4, packed("v", 2))).toThrow(expect.objectContaining({ code: "UNKNOWN_TOPIC" }));
      expect(await outcome(intake.take(0, packed("after", 3)))).toBeNull();
      expect(await readPartition(log, "telemetry", 0, 0)).toEqual(["after"]);
    });
  });
}
