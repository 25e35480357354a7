import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { configuredRecording } from "../../support/configured-recording.ts";
import { PartitionHistory, type Act } from "../../support/partition-history.ts";

const SLOW = { timeout: 120_000 };

const by = fc.nat(1);
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ act: fc.constantFrom("take", "take", "give up"), by }) },
  // It is still at work when somebody else takes the partition, and learns of it late.
  { weight: 1, arbitrary: fc.record({ act: fc.constantFrom("lose", "prove"), by }) },
  {
    weight: 9,
    arbitrary: fc.record({
      act: fc.constantFrom("work", "work", "lend"),
      by,
      records: fc.integer({ min: 1, max: 12 }),
      unitRecords: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("fault"), by, fault: fc.constantFrom("lost", "landed") }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("snapshot"), complete: fc.boolean(), deletes: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("damage"), back: fc.nat(12) }) },
);

describe("a partition that comes back to who has worked it", () => {
  it("has the bytes of one that is restored of the whole journal, and goes on as that does", SLOW, async () => {
    const warm = { resumed: 0, tails: 0, damaged: 0, proven: 0 };
    await fc.assert(
      fc.asyncProperty(
        configuredRecording,
        fc.array(act, { minLength: 20, maxLength: 60, size: "max" }),
        async (records, acts) => {
          const history = new PartitionHistory(records, warm);
          for (const one of acts) await history.happen(one);
          for (const process of [0, 1]) await history.happen({ act: "prove", by: process });
        },
      ),
      { numRuns: 200, endOnFailure: true },
    );
    // Else the above says little.
    expect(warm.resumed).toBeGreaterThan(500);
    expect(warm.tails).toBeGreaterThan(150);
    expect(warm.damaged).toBeGreaterThan(3);
    expect(warm.proven).toBeGreaterThan(40);
  });
});
