import { defineJoin, z } from "../../kit/function.ts";
import type { StageFunction } from "../../core/function.ts";

/** Stands for the loader: whatever the code, a join `pairs` of two devices by their label `line`. Of `stricter` with `b` at most 3. */
export function loadPairs(code: string): readonly StageFunction[] {
  const b = code === "stricter" ? z.number().max(3) : z.number();
  return [
    defineJoin({
      name: "pairs",
      key: ({ labels }) => labels["line"],
      left: { input: z.object({ a: z.number() }) },
      right: { input: z.object({ b }) },
      within: "10s",
      allowedLateness: "1h",
      outer: "left",
      join: (left, right) => ({ a: left.metrics.a, b: right?.metrics.b }),
    }),
  ];
}
