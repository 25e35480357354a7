import { describe, expect, it } from "vitest";
import { addOutcomes, MESSAGE_OUTCOMES, noOutcomes, OUTCOME_NAMES, settledMessages } from "../../../core/ledger.ts";

describe("the ledger", () => {
  it("begins with nothing, each time anew", () => {
    const first = noOutcomes();
    first.processed = 5;
    expect(Object.values(noOutcomes()).every((count) => count === 0)).toBe(true);
    expect(OUTCOME_NAMES).toEqual(Object.keys(first));
  });

  it("adds what is there and leaves the rest", () => {
    const total = noOutcomes();
    addOutcomes(total, { processed: 2, valuesProduced: 7 });
    addOutcomes(total, { processed: 1, duplicate: 1 });
    expect(total).toEqual({ ...noOutcomes(), processed: 3, duplicate: 1, valuesProduced: 7 });
  });

  it("counts a message with each of six outcomes as settled, and nothing else", () => {
    for (const name of OUTCOME_NAMES) {
      const isMessage = MESSAGE_OUTCOMES.some((outcome) => outcome === name);
      expect(settledMessages({ ...noOutcomes(), [name]: 1 })).toBe(isMessage ? 1 : 0);
    }
    expect(MESSAGE_OUTCOMES).toHaveLength(6);
  });
});
