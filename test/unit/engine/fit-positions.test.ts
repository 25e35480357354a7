import { describe, expect, it } from "vitest";
import { fitPositions } from "../../../engine/fit-positions.ts";

const readings = (offset: number) => ({ topic: "readings", partition: 0, offset });
const LOG = [{ topic: "readings", partition: 0, startOffset: 4, endOffset: 10 }];

describe("fitPositions", () => {
  it("begins a partition at its start when nothing is known of it", () => {
    expect(fitPositions([], LOG)).toEqual({ positions: [readings(4)], missed: 0 });
    expect(
      fitPositions(
        [
          { ...readings(7), partition: 1 },
          { ...readings(7), topic: "alarms" },
        ],
        LOG,
      ),
    ).toEqual({
      positions: [readings(4)],
      missed: 0,
    });
  });

  it("keeps a position inside the log", () => {
    for (const offset of [4, 7, 10]) {
      expect(fitPositions([readings(offset)], LOG)).toEqual({ positions: [readings(offset)], missed: 0 });
    }
  });

  it("skips and counts what retention has passed", () => {
    expect(fitPositions([readings(1)], LOG)).toEqual({ positions: [readings(4)], missed: 3 });
  });

  it("starts over when the log ends before the position", () => {
    expect(fitPositions([readings(50)], LOG)).toEqual({ positions: [readings(4)], missed: 0 });
  });
});
