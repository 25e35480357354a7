import { z } from "zod";
import { LIMITS } from "./limits.ts";
import { idSchema } from "./schemas.ts";

/** By key; a row is any JSON. */
export const referenceRowsSchema = z
  .record(z.string().min(1).max(LIMITS.idCharactersMax), z.unknown())
  .refine((rows) => Object.values(rows).every((row) => isJson(row, 0)), { error: "must be JSON", abort: true })
  .refine(
    (rows) => JSON.stringify(rows).length <= LIMITS.referenceTableCharactersMax,
    `must be at most ${LIMITS.referenceTableCharactersMax} characters of JSON`,
  );

/** What readings are joined with. It travels whole, so it is for thousands of rows, not for millions. */
export const referenceTableSchema = z.object({ tenant: idSchema, id: idSchema, rows: referenceRowsSchema });

export type ReferenceTable = z.infer<typeof referenceTableSchema>;

/** YAML has numbers and dates that JSON has not. */
function isJson(value: unknown, depth: number): boolean {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || depth >= LIMITS.functionValueDepthMax) return false;
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  return isPlain && Object.values(value).every((item) => isJson(item, depth + 1));
}
