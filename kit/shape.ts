import { z } from "zod";
import { frozen } from "../core/frozen.ts";

/** Stands for "does not match": no value that a schema gives. */
export const NO_MATCH: unique symbol = Symbol("no match");

/** What the schema makes of a JSON value, or NO_MATCH. */
export type ShapeParser<Value> = (value: unknown) => Value | typeof NO_MATCH;

/**
 * What zod's safeParse gives, for the path of every reading. Plain schemas (objects of numbers, booleans, texts, arrays of them, with
 * bounds) are compiled to checks, which cost a tenth; a value that fails them, and every other schema, is zod's to decide.
 */
export function compileShape<Value>(schema: z.ZodType<Value>): ShapeParser<Value> {
  const check = compileCheck(schema);
  const decide: ShapeParser<Value> = (value) => {
    const parsed = schema.safeParse(value);
    return parsed.success ? parsed.data : NO_MATCH;
  };
  if (check === null) return decide;
  const isExact = (value: unknown): value is Value => check(value);
  return (value) => (isExact(value) ? value : decide(value));
}

/**
 * As `compileShape`, for values of which only some fields are wanted: an object of scalars is picked without asking zod. What is not picked is
 * frozen first: others read it too, and a schema may give it back as it is, or to code of its author's (`z.any()`, `transform`).
 */
export function compilePick<Value>(schema: z.ZodType<Value>): ShapeParser<Value> {
  const fields = schema instanceof z.ZodObject ? compileFields(schema) : null;
  if (fields === null || !fields.every(({ isScalar }) => isScalar)) {
    const parse = compileShape(schema);
    return (value) => parse(frozen(value));
  }
  const isValue = (picked: object | null): picked is Value & object => picked !== null;
  return (value) => {
    const picked = pick(fields, value);
    return isValue(picked) ? picked : NO_MATCH;
  };
}

/** True only for a value that the schema would give back as it is. */
type Check = (value: unknown) => boolean;

interface Field {
  readonly name: string;
  readonly check: Check;
  readonly isOptional: boolean;
  /** The check fails for nothing that zod would let pass. */
  readonly isScalar: boolean;
}

function compileCheck(schema: unknown): Check | null {
  if (schema instanceof z.ZodObject) return compileObject(schema);
  if (schema instanceof z.ZodArray) {
    const item = hasChecks(schema) ? null : compileCheck(schema.element);
    return item === null ? null : (value) => Array.isArray(value) && value.every(item);
  }
  if (schema instanceof z.ZodNullable) {
    const inner = hasChecks(schema) ? null : compileCheck(schema.unwrap());
    return inner === null ? null : (value) => value === null || inner(value);
  }
  return compileScalar(schema);
}

function compileScalar(schema: unknown): Check | null {
  if (schema instanceof z.ZodNumber) return compileNumber(schema);
  if (schema instanceof z.ZodBoolean) {
    return hasChecks(schema) || schema.def.coerce === true ? null : (value) => typeof value === "boolean";
  }
  if (schema instanceof z.ZodString) {
    const isPlain = !hasChecks(schema) && schema.def.coerce !== true && schema.format === null;
    return isPlain ? (value) => typeof value === "string" : null;
  }
  return null;
}

function compileNumber(schema: z.ZodNumber): Check | null {
  const { format } = schema;
  if (schema.def.coerce === true || (format !== null && format !== "safeint")) return null;
  let min = -Infinity;
  let max = Infinity;
  for (const one of schema.def.checks ?? []) {
    if (one instanceof z.core.$ZodCheckGreaterThan && one._zod.def.inclusive)
      min = Math.max(min, Number(one._zod.def.value));
    else if (one instanceof z.core.$ZodCheckLessThan && one._zod.def.inclusive)
      max = Math.min(max, Number(one._zod.def.value));
    else return null;
  }
  if (format === "safeint")
    return (value) => isNumber(value) && Number.isSafeInteger(value) && value >= min && value <= max;
  return (value) => isNumber(value) && Number.isFinite(value) && value >= min && value <= max;
}

function compileObject(schema: z.ZodObject): Check | null {
  const fields = compileFields(schema);
  if (fields === null) return null;
  return (value) => {
    if (!isObject(value)) return false;
    let rest = 0;
    for (const _ in value) rest += 1;
    for (let i = 0; i < fields.length; i += 1) {
      const field = fields[i];
      if (field === undefined) return false;
      const item = value[field.name];
      if (item === undefined && field.isOptional) continue;
      if (!field.check(item)) return false;
      rest -= 1;
    }
    // zod drops what it does not know.
    return rest === 0;
  };
}

function compileFields(schema: z.ZodObject): readonly Field[] | null {
  if (hasChecks(schema) || schema.def.catchall !== undefined) return null;
  const fields: Field[] = [];
  for (const [name, inner] of Object.entries(schema.shape)) {
    const isOptional = inner instanceof z.ZodOptional || inner instanceof z.ZodExactOptional;
    const type = isOptional ? inner.unwrap() : inner;
    const check = isOptional && hasChecks(inner) ? null : compileCheck(type);
    if (check === null || name === "__proto__") return null;
    fields.push({ name, check, isOptional, isScalar: compileScalar(type) !== null });
  }
  return fields;
}

function pick(fields: readonly Field[], value: unknown): object | null {
  if (!isObject(value)) return null;
  const picked: Record<string, unknown> = {};
  for (let i = 0; i < fields.length; i += 1) {
    const field = fields[i];
    if (field === undefined) return null;
    const item = value[field.name];
    if (item === undefined && field.isOptional) continue;
    if (!field.check(item)) return null;
    picked[field.name] = item;
  }
  return picked;
}

function hasChecks(schema: { readonly def: { readonly checks?: readonly unknown[] | undefined } }): boolean {
  return (schema.def.checks?.length ?? 0) > 0;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
