import { describe, expect, it } from "vitest";
import { difference } from "../../function-kills/compare-windows.ts";

describe("the difference between expected and made lines", () => {
  const expected = ["d 1 a", "d 2 b", "d 2 c"];

  it("is nothing when they are the same in another order", () => {
    expect(difference(expected, expected.toReversed(), 2)).toEqual({ missing: 0, wrong: 0, doubled: 0 });
  });

  it("tells what is missing, there twice, or another result of the same window", () => {
    expect(difference(expected, ["d 2 b", "d 2 c"], 2)).toEqual({ missing: 1, wrong: 0, doubled: 0 });
    expect(difference(expected, [...expected, "d 1 a"], 2)).toEqual({ missing: 0, wrong: 0, doubled: 1 });
    expect(difference(expected, ["d 1 x", "d 2 b", "d 2 c"], 2)).toEqual({ missing: 0, wrong: 1, doubled: 0 });
    expect(difference(expected, ["d 1 a", "d 2 b", "d 2 b"], 2)).toEqual({ missing: 0, wrong: 1, doubled: 0 });
    expect(difference(expected, [...expected, "d 3 a"], 2)).toEqual({ missing: 0, wrong: 0, doubled: 1 });
  });
});
