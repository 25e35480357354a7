import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareSourcePositions } from "../../../core/source-position.ts";
import { SourceMarks } from "../../../engine/source-marks.ts";
import { sourceAt } from "../sinks-clickhouse/record-fixtures.ts";

const position = fc
  .tuple(fc.nat(2), fc.nat(3), fc.nat(2), fc.nat(2))
  .map(([generation, offset, step, index]) => sourceAt(0, offset, { generation, step, index }));

describe("SourceMarks", () => {
  it("takes exactly what is above everything taken before", () => {
    fc.assert(
      fc.property(fc.array(position, { maxLength: 60 }), (positions) => {
        const marks = new SourceMarks();
        const taken: (typeof positions)[number][] = [];
        for (const next of positions) {
          const isNew = taken.every((before) => compareSourcePositions(next, before) > 0);
          expect(marks.takeIfNew("readings", 0, next)).toBe(isNew);
          if (isNew) taken.push(next);
        }
      }),
    );
  });

  it("keeps topics, partitions, stages and inputs apart", () => {
    const marks = new SourceMarks();
    expect(marks.takeIfNew("readings", 0, sourceAt(0, 9))).toBe(true);
    expect(marks.takeIfNew("aggregates", 0, sourceAt(0, 1))).toBe(true);
    expect(marks.takeIfNew("readings", 1, sourceAt(0, 1))).toBe(true);
    expect(marks.takeIfNew("readings", 0, sourceAt(1, 1))).toBe(true);
    expect(marks.takeIfNew("readings", 0, sourceAt(0, 1, { stage: "other" }))).toBe(true);
    expect(marks.takeIfNew("readings", 0, sourceAt(0, 1, { topic: "commands" }))).toBe(true);
    expect(marks.takeIfNew("readings", 0, sourceAt(0, 9))).toBe(false);
  });

  it("tells each change once", () => {
    const marks = new SourceMarks();
    marks.load([{ topic: "readings", partition: 0, source: sourceAt(0, 1) }]);
    expect(marks.takeChanged()).toEqual([]);
    marks.takeIfNew("readings", 0, sourceAt(0, 2));
    marks.takeIfNew("readings", 0, sourceAt(0, 3));
    expect(marks.takeChanged().map(({ source }) => source.offset)).toEqual([3]);
    expect(marks.takeChanged()).toEqual([]);
    expect(marks.all()).toHaveLength(1);
  });
});
