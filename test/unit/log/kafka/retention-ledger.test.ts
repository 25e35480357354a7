import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chunksOf, encodeNote, sumEntries, type RetentionNote } from "../../../../log/kafka/retention-ledger.ts";
import type { JournalEntry } from "../../../../core/event-log.ts";

const note: fc.Arbitrary<RetentionNote> = fc.record({
  counted: fc.uniqueArray(fc.tuple(fc.nat({ max: 31 }), fc.nat()), {
    selector: ([partition]) => partition,
    maxLength: 5,
  }),
  messages: fc.dictionary(
    fc.string({ minLength: 1, maxLength: 12 }).filter((key) => key !== "__proto__"),
    fc.nat({ max: 1_000_000 }),
    { maxKeys: 5, noNullPrototype: true },
  ),
  rows: fc.array(fc.record({ at: fc.nat(), ends: fc.array(fc.nat(), { maxLength: 3 }) }), { maxLength: 3 }),
});

const unit = (note: RetentionNote): JournalEntry => ({
  kind: "unit",
  positions: [],
  nextTimer: null,
  body: encodeNote(note),
});

/** The chunks of a snapshot, the first `written` of them. */
function snapshot(note: RetentionNote, written = Number.POSITIVE_INFINITY): JournalEntry[] {
  const chunks = chunksOf(note);
  return chunks
    .slice(0, written)
    .map((chunk, at) => ({ ...unit(chunk), kind: "snapshot", complete: at === chunks.length - 1 }));
}

describe("what retention has written down", () => {
  test("adds up: counts per key, the furthest offset per partition, all rows", () => {
    const sum = sumEntries([
      unit({
        counted: [
          [0, 10],
          [1, 5],
        ],
        messages: { "acme/1": 3 },
        rows: [{ at: 1, ends: [1] }],
      }),
      unit({ counted: [[0, 25]], messages: { "acme/1": 4, "acme/2": 1 }, rows: [{ at: 2, ends: [2] }] }),
    ]);
    expect(sum).toEqual({
      counted: [
        [0, 25],
        [1, 5],
      ],
      messages: { "acme/1": 7, "acme/2": 1 },
      rows: [
        { at: 1, ends: [1] },
        { at: 2, ends: [2] },
      ],
    });
  });

  test("counts a device whatever it is called", () => {
    const note: RetentionNote = {
      counted: [],
      messages: Object.fromEntries([
        ["constructor", 2],
        ["toString", 1],
      ]),
      rows: [],
    };
    expect(sumEntries([unit(note), unit(note)]).messages).toEqual({ constructor: 4, toString: 2 });
  });

  test("is nothing when nothing was", () => {
    expect(sumEntries([])).toEqual({ counted: [], messages: {}, rows: [] });
  });

  test("is the same after it was replaced by a snapshot in chunks", () => {
    fc.assert(
      fc.property(fc.array(note, { maxLength: 6 }), (notes) => {
        const sum = sumEntries(notes.map(unit));
        expect(sumEntries(snapshot(sum))).toEqual(sum);
      }),
    );
  });

  test("of very many devices is cut into chunks that stay small, and none is lost or counted twice", () => {
    const messages = Object.fromEntries(Array.from({ length: 25_001 }, (_, index) => [`acme/${index}`, index]));
    const chunks = chunksOf({ counted: [[0, 1]], messages, rows: [{ at: 1, ends: [1] }] });
    expect(chunks.map((chunk) => Object.keys(chunk.messages).length)).toEqual([0, 10_000, 10_000, 5001]);
    expect(sumEntries(snapshot({ counted: [], messages, rows: [] })).messages).toEqual(messages);
  });

  test("does not count a snapshot twice that was not completed beside what it was to replace", () => {
    const note: RetentionNote = { counted: [[0, 10]], messages: { "acme/1": 3 }, rows: [] };
    expect(sumEntries([unit(note), ...snapshot(note, 1)])).toEqual(note);
    expect(sumEntries([...snapshot(note), unit({ ...note, counted: [] }), ...snapshot(note, 1)]).messages).toEqual({
      "acme/1": 6,
    });
  });

  test("of another version is not taken for ours", () => {
    expect(() =>
      sumEntries([
        {
          ...unit({ counted: [], messages: {}, rows: [] }),
          body: Buffer.from('{"v":2,"counted":[],"messages":{},"rows":[]}'),
        },
      ]),
    ).toThrow();
  });
});
