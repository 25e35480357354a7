import { expect, test } from "vitest";
import { acknowledgedIn, publishedIn, type LedgerEntry } from "../../faults/fleet.ts";
import { countDisordered, countMissing, countReadingsWrong } from "../../faults/ledger-comparison.ts";
import { countDifferent } from "../../faults/oracle-lines.ts";

const SPAN = { from: 1000, to: 31_000 };
const entry = (published: number | null, acknowledged: number | null): LedgerEntry => ({ published, acknowledged });

test("an acknowledged message that the log has not is missing, one that was not acknowledged is not", () => {
  const devices = [{ id: "a", ledger: [entry(0, 1), entry(0, 1), entry(0, null)] }];
  expect(countMissing({ admitted: new Map([["a", [0, 1]]]) }, devices)).toBe(0);
  expect(countMissing({ admitted: new Map([["a", [0]]]) }, devices)).toBe(1);
  expect(countMissing({ admitted: new Map() }, devices)).toBe(2);
});

test("a message that first comes behind a later one of its device is disordered", () => {
  expect(countDisordered({ admitted: new Map([["a", [0, 1, 2]]]) })).toBe(0);
  expect(countDisordered({ admitted: new Map([["a", [0, 2, 1]]]) })).toBe(1);
});

test("each message has one reading, and each reading a message", () => {
  const admitted = new Map([["a", [0, 1]]]);
  const readings = (entries: readonly (readonly [string, number])[]) => ({ admitted, readings: new Map(entries) });
  expect(
    countReadingsWrong(
      readings([
        ["a 0", 1],
        ["a 1", 1],
      ]),
    ),
  ).toBe(0);
  expect(countReadingsWrong(readings([["a 0", 1]]))).toBe(1);
  expect(
    countReadingsWrong(
      readings([
        ["a 0", 2],
        ["a 1", 1],
      ]),
    ),
  ).toBe(1);
  expect(
    countReadingsWrong(
      readings([
        ["a 0", 1],
        ["a 1", 1],
        ["a 2", 1],
      ]),
    ),
  ).toBe(1);
});

test("lines must be the same on both sides, and as often", () => {
  expect(countDifferent(["x", "y"], ["y", "x"])).toBe(0);
  expect(countDifferent(["x", "y"], ["x"])).toBe(1);
  expect(countDifferent(["x"], ["x", "x"])).toBe(1);
  expect(countDifferent(["x"], ["y"])).toBe(2);
});

test("a PUBACK in a span counts at once for what was published in it, and for the rest when sockets are empty", () => {
  expect(acknowledgedIn([entry(1500, 1600)], SPAN)).toBe(1);
  expect(acknowledgedIn([entry(900, 1600)], SPAN)).toBe(0);
  expect(acknowledgedIn([entry(900, 20_000)], SPAN)).toBe(1);
  expect(acknowledgedIn([entry(1500, 31_500), entry(900, 950), entry(1500, null)], SPAN)).toBe(0);
  expect(publishedIn([entry(1500, null), entry(900, null), entry(32_000, null), entry(null, null)], SPAN)).toBe(1);
});
