import { MillraceError } from "../core/errors.ts";
import { parseJson } from "../core/parse-json.ts";
import { LIMITS } from "../core/limits.ts";
import type { Page } from "../core/registry.ts";

/** The sort key of the last row of a page: what the next page begins after. */
export type PageCursor = readonly (string | number)[];

/** As text that callers pass back unread. */
export function encodeCursor(cursor: PageCursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString("base64url");
}

/** The inverse. INVALID_INPUT when the text is not a cursor whose parts have the types of `shape`. */
export function decodeCursor(text: string, shape: readonly ("string" | "number")[]): PageCursor {
  const parts = parseJson(Buffer.from(text, "base64url").toString("utf8"));
  const fits =
    Array.isArray(parts) &&
    parts.length === shape.length &&
    shape.every((type, i) => typeof parts[i] === type && (type === "string" || Number.isSafeInteger(parts[i])));
  if (!fits) throw new MillraceError("INVALID_INPUT", "`after` is not the `next` of an earlier page");
  return parts;
}

/** INVALID_INPUT unless 1 ≤ limit ≤ `pageSizeMax`. */
export function checkPageLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= LIMITS.pageSizeMax) return;
  throw new MillraceError("INVALID_INPUT", `limit must be a whole number from 1 to ${LIMITS.pageSizeMax}`);
}

/** A page from limit + 1 rows: the one too many only tells that there is a next page. */
export function toPage<Row, T>(
  rows: readonly Row[],
  limit: number,
  item: (row: Row) => T,
  cursor: (row: Row) => PageCursor,
): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return {
    items: items.map(item),
    next: rows.length > limit && last !== undefined ? encodeCursor(cursor(last)) : null,
  };
}
