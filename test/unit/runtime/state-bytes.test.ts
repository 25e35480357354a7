import { expect, it } from "vitest";
import { StateBytes } from "../../../runtime/state-bytes.ts";

it("counts one partition with each question, the uncounted first, and forgets those that are given up", () => {
  const counted: number[] = [];
  const owner = (partition: number) => ({
    state: {
      bytesByFunction() {
        counted.push(partition);
        return new Map([["f", 10 ** partition]]);
      },
    },
  });
  const owned = new Map([0, 1, 2].map((partition) => [partition, owner(partition)]));
  const bytes = new StateBytes();
  expect([0, 1, 2, 3].map(() => bytes.look(owned).get("f"))).toEqual([1, 11, 111, 111]);
  expect(counted).toEqual([0, 1, 2, 0]);
  owned.delete(1);
  expect(bytes.look(owned).get("f")).toBe(101);
  expect(bytes.look(new Map())).toEqual(new Map());
});
