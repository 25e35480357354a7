import { z } from "zod";
import { LIMITS } from "./limits.ts";
import { idSchema } from "./schemas.ts";

/** By key; a row is any JSON. */
export const referenceRowsSchema = z
  .record(z.string().min(1).max(LIMITS.idCharactersMax), z.json())
  .refine(
    (rows) => JSON.stringify(rows).length <= LIMITS.referenceTableCharactersMax,
    `must be at most ${LIMITS.referenceTableCharactersMax} characters of JSON`,
  );

/** What readings are joined with. It travels whole, so it is for thousands of rows, not for millions. */
export const referenceTableSchema = z.object({ tenant: idSchema, id: idSchema, rows: referenceRowsSchema });

export type ReferenceTable = z.infer<typeof referenceTableSchema>;
