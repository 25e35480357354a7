import { z } from "zod";
import { definitionError } from "./definition-error.ts";
import { userDetailsOf } from "./user-function.ts";
import type { StageFunction } from "../core/function.ts";

/** Types whose values are no JSON, and what to keep instead. */
const INSTEAD: Partial<Record<z.core.$ZodTypeDef["type"], string>> = {
  bigint: "z.string() with String(n)",
  date: "z.number() with date.getTime()",
  map: "z.record(z.string(), …), or a list of entries",
  set: "z.array(…) with [...set]",
  symbol: "z.string()",
  function: "data only",
  nan: "z.number().nullable() with null",
  file: "data only",
  promise: "what it resolves to: functions are synchronous",
};

/**
 * Where somebody writes or deploys a function: what of its schema can never be kept would make a dead letter of every reading. Code that was
 * deployed before is loaded without this. FUNCTION_INVALID.
 */
export function requireKeepable(functions: readonly StageFunction[]): void {
  for (const fn of functions) {
    const kept = userDetailsOf(fn)?.state ?? null;
    const found = kept === null ? null : unkeepableIn(kept.schema);
    if (kept === null || found === null) continue;
    const what = kept.window === undefined ? "state" : "accumulator";
    const fault = `${[what, ...found.path].join(".")} is a z.${found.type}(), whose values are no JSON and cannot be kept`;
    throw definitionError(fn.name, fault, `keep ${found.instead}`);
  }
}

interface Unkeepable {
  readonly path: readonly string[];
  readonly type: string;
  readonly instead: string;
}

function unkeepableIn(schema: z.ZodType): Unkeepable | null {
  let found: Unkeepable | null = null;
  z.toJSONSchema(schema, {
    unrepresentable: "any",
    override({ zodSchema, path }) {
      const { type } = zodSchema._zod.def;
      const instead = INSTEAD[type];
      if (instead === undefined || found !== null) return;
      // JSON Schema has the names of fields behind `properties`.
      found = { path: path.filter((_, index) => path[index - 1] === "properties").map(String), type, instead };
    },
  });
  return found;
}
