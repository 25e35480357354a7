import { describe, expect } from "vitest";
import { allTexts, at, readRecords, text } from "./log-harness.ts";
import { withLog } from "./with-log.ts";
import type { LogHarness } from "./log-harness.ts";

export function corruptionCases(harness: LogHarness): void {
  describe("damage on the disk", () => {
    withLog(harness, "is skipped, reported with its offsets and never served", async (first, under) => {
      await first.append("telemetry", 0, [text("good-1")]);
      await first.append("telemetry", 0, [text("damaged-1"), text("damaged-2-marker")]);
      await first.append("telemetry", 1, [text("elsewhere")]);
      await first.append("telemetry", 0, [text("good-2")]);
      await under.damage("damaged-2-marker");
      const { log } = under;
      const slices = await readRecords(log.openReader([at("telemetry", 0, 0), at("telemetry", 1, 0)]), 3);
      expect(allTexts(slices).toSorted()).toEqual(["elsewhere", "good-1", "good-2"]);
      const corrupt = slices.filter((slice) => slice.corrupt !== undefined);
      expect(corrupt.map((slice) => slice.corrupt)).toEqual([{ fromOffset: 1, toOffset: 3 }]);
      expect(slices.filter(({ partition }) => partition === 0).at(-1)?.nextOffset).toBe(4);
      expect(await log.append("telemetry", 0, [text("more")])).toBe(4);
    });
  });
}
