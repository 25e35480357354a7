import { describe, expect, it } from "vitest";
import { compareSourcePositions, formatSourcePosition, parseSourcePosition } from "../../../core/source-position.ts";
import type { SourcePosition } from "../../../core/source-position.ts";

const POSITION: SourcePosition = {
  stage: "main",
  topic: "telemetry",
  partition: 3,
  generation: 1,
  offset: Number.MAX_SAFE_INTEGER,
  step: 2,
  index: 0,
};

describe("a source position", () => {
  it("is read back from its text", () => {
    expect(formatSourcePosition(POSITION)).toBe("main telemetry 3 1 9007199254740991 2 0");
    expect(parseSourcePosition(formatSourcePosition(POSITION))).toEqual(POSITION);
  });

  it.each([
    "",
    "main",
    "main telemetry 3 1 5 2",
    "main telemetry 3 1 5 2 0 0",
    " telemetry 3 1 5 2 0",
    "main  3 1 5 2 0",
    "main telemetry 3 1 5 2 x",
    "main telemetry 3 1 5 2 -1",
    "main telemetry 3 1 5 2 0.5",
    "main telemetry 3 1 9007199254740992 2 0",
    "main telemetry 3 1 Infinity 2 0",
    "main telemetry 3 1 1e3 2 0",
    "main telemetry 3 1 0x5 2 0",
    "main telemetry 3 1  2 0",
  ])("is not %j", (text) => {
    expect(parseSourcePosition(text)).toBeNull();
  });

  it("is ordered by generation, offset, step and index, in this order", () => {
    const at = (generation: number, offset: number, step: number, index: number): SourcePosition => ({
      ...POSITION,
      generation,
      offset,
      step,
      index,
    });
    const ordered = [at(0, 0, 0, 0), at(0, 0, 0, 1), at(0, 0, 1, 0), at(0, 1, 0, 0), at(0, 9, 9, 9), at(1, 0, 0, 0)];
    expect(ordered.toReversed().toSorted(compareSourcePositions)).toEqual(ordered);
    expect(compareSourcePositions(POSITION, { ...POSITION })).toBe(0);
  });
});
