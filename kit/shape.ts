import type { z } from "zod";

/** Stands for "does not match": no value that a schema gives. */
export const NO_MATCH: unique symbol = Symbol("no match");

/** What the schema makes of a value, or NO_MATCH. */
export type ShapeParser<Value> = (value: unknown) => Value | typeof NO_MATCH;

export function compileShape<Value>(schema: z.ZodType<Value>): ShapeParser<Value> {
  return (value) => {
    const parsed = schema.safeParse(value);
    return parsed.success ? parsed.data : NO_MATCH;
  };
}
