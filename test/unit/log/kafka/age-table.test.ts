import { describe, expect, test } from "vitest";
import { AgeTable } from "../../../../log/kafka/age-table.ts";

/** Rows of a second each. */
const RETENTION_MS = 64_000;

describe("the age of what lies in the log", () => {
  test("is counted from when the log was seen to have grown", () => {
    const ages = new AgeTable(2, RETENTION_MS);
    ages.observe(0, 100, 1000);
    ages.observe(1, 7, 2000);
    ages.observe(0, 250, 40_000);
    expect(ages.expiredBelow(0, 1000 + RETENTION_MS - 1)).toBe(0);
    expect(ages.expiredBelow(0, 1000 + RETENTION_MS)).toBe(100);
    expect(ages.expiredBelow(1, 1000 + RETENTION_MS)).toBe(0);
    expect(ages.expiredBelow(1, 2000 + RETENTION_MS)).toBe(7);
    expect(ages.expiredBelow(0, 40_000 + RETENTION_MS)).toBe(250);
  });

  test("is never more than it is: what comes within a row counts from the last of it", () => {
    const ages = new AgeTable(1, RETENTION_MS);
    expect(ages.observe(0, 1, 1000)).toBe(true);
    expect(ages.observe(0, 9, 1900)).toBe(false);
    expect(ages.expiredBelow(0, 1000 + RETENTION_MS)).toBe(0);
    expect(ages.expiredBelow(0, 1900 + RETENTION_MS)).toBe(9);
    expect(ages.observe(0, 10, 2000)).toBe(true);
  });

  test("does not go back when the clock or the end that somebody saw does", () => {
    const ages = new AgeTable(1, RETENTION_MS);
    ages.observe(0, 50, 10_000);
    ages.observe(0, 40, 9000);
    expect(ages.all()).toEqual([{ at: 10_000, ends: [50] }]);
  });

  test("takes a row per share of the retention, and one row older than it", () => {
    const ages = new AgeTable(1, RETENTION_MS);
    for (let second = 0; second < 1000; second++) ages.observe(0, second, second * 1000);
    expect(ages.all().length).toBeLessThanOrEqual(66);
    expect(ages.expiredBelow(0, 999_000)).toBe(999 - 64);
  });

  test("is known again from rows that were stored, whatever was seen since", () => {
    const ages = new AgeTable(2, RETENTION_MS);
    ages.observe(0, 90, 200_000);
    const rows = [
      { at: 1000, ends: [10, 0] },
      { at: 150_000, ends: [60, 5] },
    ];
    ages.restore(rows);
    expect(ages.expiredBelow(0, 1000 + RETENTION_MS)).toBe(10);
    expect(ages.expiredBelow(1, 150_000 + RETENTION_MS)).toBe(5);
    expect(ages.expiredBelow(0, 200_000 + RETENTION_MS)).toBe(90);
    ages.observe(1, 70, 200_001);
    expect(rows[0]).toEqual({ at: 1000, ends: [10, 0] });
  });
});
