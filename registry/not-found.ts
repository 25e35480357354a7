import { MillraceError } from "../core/errors.ts";
import type { Queries } from "./schema.ts";

export function deviceNotFound(tenant: string, id: string): MillraceError {
  return new MillraceError("NOT_FOUND", `there is no device "${id}" in tenant "${tenant}"`);
}

export function functionNotFound(name: string): MillraceError {
  return new MillraceError("NOT_FOUND", `there is no function "${name}"`, { remedy: "See millrace versions." });
}

/** NOT_FOUND when there never was a version of it: what is missing then is not a canary or a live version. */
export async function requireFunction(db: Queries, name: string): Promise<void> {
  const any = await db.selectFrom("function_versions").select("name").where("name", "=", name).limit(1).execute();
  if (any.length === 0) throw functionNotFound(name);
}
