import { z } from "zod";
import { ID_PATTERN } from "./ids.ts";
import { LIMITS } from "./limits.ts";

/** Pieces that the shapes share. Schemas strip unknown fields: shapes evolve by adding optional ones. */
export const idSchema = z
  .string()
  .regex(ID_PATTERN, `must be 1–${LIMITS.idCharactersMax} characters of A–Z a–z 0–9 _ . : -, and not . or ..`);

/** Of users' functions; the stock ones have such names too. */
export const functionNameSchema = z
  .string()
  .max(LIMITS.functionNameCharactersMax)
  .regex(/^[a-z][a-z0-9-]*$/, 'must be lower-case letters, digits and "-", a letter first');

/** Of stages, as users call them. */
export const stageNameSchema = z
  .string()
  .max(LIMITS.functionStageCharactersMax)
  .regex(/^[a-z][a-z0-9-]*$/, 'must be lower-case letters, digits and "-", a letter first');

/** What a token brought along from another system must look like. */
export const GIVEN_TOKEN_PATTERN = new RegExp(
  `^[\\x21-\\x7e]{${LIMITS.tokenCharactersMin},${LIMITS.tokenCharactersMax}}$`,
);

/** The same in words. */
export const TOKEN_CHARACTERS = `${LIMITS.tokenCharactersMin}–${LIMITS.tokenCharactersMax} visible ASCII characters`;

/** int64 UTC milliseconds. */
export const timeSchema = z.int().nonnegative();

export const metricNameSchema = z.string().min(1).max(LIMITS.metricNameBytesMax);

export const labelsSchema = z
  .record(idSchema, z.string().max(LIMITS.labelCharactersMax))
  .refine(
    (labels) => Object.keys(labels).length <= LIMITS.labelsPerDeviceMax,
    `at most ${LIMITS.labelsPerDeviceMax} labels`,
  );

/** A metric's value. 64-bit integers travel as strings. */
export const metricValueSchema = z.union([z.number(), z.boolean(), z.string()]);
export type MetricValue = z.infer<typeof metricValueSchema>;
