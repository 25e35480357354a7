import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeRecordBatch } from "../../../wire/record-batch-writer.ts";
import { walkRecordBatches } from "../../../wire/record-batch-walk.ts";

function batch(baseOffset: number, ...values: readonly string[]): Buffer {
  const records = values.map((value) => ({ timestamp: 1, key: "k", value: Buffer.from(value), headers: [] }));
  return Buffer.from(encodeRecordBatch(records, baseOffset));
}

/** [base, next, values], where null stands for values that are lost. */
function walked(bytes: Buffer): [number, number, string[] | null][] {
  return [...walkRecordBatches(bytes)].map(({ baseOffset, nextOffset, records }) => {
    return [baseOffset, nextOffset, records?.map(({ value }) => Buffer.from(value).toString()) ?? null];
  });
}

const THREE = [batch(5, "a", "b"), batch(7, "c"), batch(20, "d", "e", "f")];

describe("batches one after the other", () => {
  test("are walked with their offsets, holes between them too", () => {
    expect(walked(Buffer.concat(THREE))).toEqual([
      [5, 7, ["a", "b"]],
      [7, 8, ["c"]],
      [20, 23, ["d", "e", "f"]],
    ]);
  });

  test("of which the last is cut short anywhere give all before it", () => {
    const whole = Buffer.concat(THREE);
    const before = whole.length - (THREE[2]?.length ?? 0);
    for (let end = before; end < whole.length; end++) expect(walked(whole.subarray(0, end))).toHaveLength(2);
  });

  test("are none in no bytes", () => {
    expect(walked(Buffer.alloc(0))).toEqual([]);
  });
});

describe("damage", () => {
  test("within a batch loses that batch, whose offsets are told, and no other", () => {
    const bytes = Buffer.concat(THREE);
    const at = (THREE[0]?.length ?? 0) + 65;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    expect(walked(bytes)).toEqual([
      [5, 7, ["a", "b"]],
      [7, 8, null],
      [20, 23, ["d", "e", "f"]],
    ]);
  });

  test("of a frame, behind which nothing can be found, is BATCH_CORRUPT", () => {
    const short = Buffer.concat(THREE);
    short.writeInt32BE(3, 8);
    expect(() => walked(short)).toThrow(expect.objectContaining({ code: "BATCH_CORRUPT" }));
    const negative = Buffer.concat(THREE);
    negative.writeInt32BE(-1, 0);
    expect(() => walked(negative)).toThrow(expect.objectContaining({ code: "BATCH_CORRUPT" }));
  });

  test("anywhere never does worse than BATCH_CORRUPT, nor lets the walk go on for ever", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 8 }), (changes) => {
        const bytes = Buffer.concat(THREE);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        try {
          expect(walked(bytes).length).toBeLessThanOrEqual(3);
        } catch (error) {
          expect(error).toMatchObject({ code: "BATCH_CORRUPT" });
        }
      }),
      { numRuns: 500 },
    );
  });
});
