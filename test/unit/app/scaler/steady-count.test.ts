import { expect, it } from "vitest";
import { SteadyCount } from "../../../../app/scaler/steady-count.ts";

it("follows a count that has stayed, and not one that is otherwise for a moment", () => {
  const count = new SteadyCount(100);
  const seen = [
    [4, 0],
    [5, 10],
    [5, 90],
    [4, 100],
    [6, 150],
    [6, 249],
    [6, 250],
    [4, 300],
    [4, 400],
  ].map(([value = 0, at = 0]) => count.take(value, at));
  expect(seen).toEqual([4, 4, 4, 4, 4, 4, 6, 6, 4]);
});
