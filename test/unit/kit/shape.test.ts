import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compilePick, compileShape, NO_MATCH } from "../../../kit/shape.ts";
import { z } from "../../../kit/function.ts";

/** Schemas of every kind that is compiled, and of kinds that are not. */
const scalar: fc.Arbitrary<z.ZodType> = fc.constantFrom<z.ZodType>(
  z.number(),
  z.number().min(1),
  z.number().max(2).min(-1),
  z.number().positive(),
  z.int(),
  z.int().nonnegative(),
  z.string(),
  z.string().min(2),
  z.boolean(),
  z.email(),
  z.coerce.number(),
  z.number().default(7),
  z.number().refine((value) => value !== 2),
  z.number().transform((value) => value + 1),
  z.enum(["a", "b"]),
  z.unknown(),
);
const wrapped = fc.tuple(scalar, fc.nat(5)).map(([schema, how]): z.ZodType => {
  if (how === 0) return schema.optional();
  if (how === 1) return schema.nullable();
  if (how === 2) return z.array(schema);
  if (how === 3) return z.array(schema).max(1);
  return how === 4 ? schema.exactOptional() : schema;
});
const object: fc.Arbitrary<z.ZodType> = fc
  .tuple(fc.dictionary(fc.constantFrom("a", "b", "c", "toString"), wrapped, { maxKeys: 3 }), fc.nat(4))
  .map(([shape, how]) => {
    if (how === 0) return z.strictObject(shape);
    if (how === 1) return z.looseObject(shape);
    if (how === 2) return z.object(shape).refine((value) => Object.keys(value).length !== 1);
    return how === 3 ? z.object({ a: z.object(shape) }) : z.object(shape);
  });

const leaf = fc.oneof(
  fc.constantFrom<unknown>(0, -1, 1, 2, 2.5, 7, NaN, Infinity, 2 ** 60, "", "ab", "a", "3", true, false, null, [], {}),
  fc.array(fc.constantFrom(1, 2.5, "a", null), { maxLength: 3 }),
);
const fields = fc.dictionary(fc.constantFrom("a", "b", "c", "d", "toString"), leaf, { maxKeys: 4 });
const value = fc.oneof({ weight: 6, arbitrary: fields }, { weight: 2, arbitrary: fields.map((a) => ({ a })) }, leaf);

function expected(schema: z.ZodType, given: unknown): unknown {
  const parsed = schema.safeParse(given);
  return parsed.success ? parsed.data : NO_MATCH;
}

describe("a compiled shape", () => {
  it("makes of any value what zod makes of it", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.oneof(object, wrapped), value, (schema, given) => {
        expect(compileShape(schema)(given)).toEqual(expected(schema, given));
        expect(compilePick(schema)(given)).toEqual(expected(schema, given));
      }),
      { numRuns: 500 },
    );
  });

  it("gives back the value itself when it is exact, and only what is wanted when it is picked", () => {
    const schema = z.object({ a: z.number(), b: z.array(z.number()).optional() });
    const exact = { a: 1, b: [1, 2] };
    expect(compileShape(schema)(exact)).toBe(exact);
    expect(compileShape(schema)({ a: 1, c: 2 })).toEqual({ a: 1 });
    expect(compilePick(z.object({ a: z.number() }))({ a: 1, c: 2 })).toEqual({ a: 1 });
  });
});
