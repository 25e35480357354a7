import { MillraceError } from "../core/errors.ts";
import { requireFunction } from "./not-found.ts";
import type { FunctionVersion } from "../core/control.ts";
import type { Queries } from "./schema.ts";

/** A version with its code: the live one when none is wanted. NOT_FOUND. */
export async function versionCode(db: Queries, name: string, wanted: number | null): Promise<FunctionVersion> {
  const version = wanted ?? (await liveVersion(db, name));
  const row = await db
    .selectFrom("function_versions")
    .select(["name", "version", "hash", "code"])
    .where("name", "=", name)
    .where("version", "=", version)
    .executeTakeFirst();
  if (row !== undefined) return row;
  await requireFunction(db, name);
  throw new MillraceError("NOT_FOUND", `function "${name}" has no version ${version}`, {
    remedy: `See millrace versions ${name}.`,
  });
}

async function liveVersion(db: Queries, name: string): Promise<number> {
  const row = await db.selectFrom("functions").select("version").where("name", "=", name).executeTakeFirst();
  if (row !== undefined) return row.version;
  await requireFunction(db, name);
  throw new MillraceError("NOT_FOUND", `no version of function "${name}" runs`, {
    remedy: "See millrace versions, and name one: millrace replay NAME@2.",
  });
}
