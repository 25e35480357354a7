import { ERROR_CODES } from "../../core/errors.ts";
import type { TidyRule } from "./source-tree.ts";

const PAGE = "docs/errors.md";
const ROW = /^\| `([A-Z_]+)` +\| (\w+) +\| (?=\S)[^|]+ \| (?=\S)[^|]+ \|$/gm;

/** Every code stands in docs/errors.md with its retry decision and two sentences; nothing else does. */
export const errorsPageRule: TidyRule = (files) => {
  const page = files.find((file) => file.path === PAGE)?.text;
  if (page === undefined) return [`${PAGE}: is missing`];
  const rows = new Map(Array.from(page.matchAll(ROW), ([, code = "", retry = ""]) => [code, retry]));
  const codes = new Map(Object.entries(ERROR_CODES));
  const unwritten = [...codes].flatMap(([code, retry]) => {
    if (!rows.has(code)) return [`${PAGE}: ${code} is not documented`];
    return rows.get(code) === retry ? [] : [`${PAGE}: ${code} is documented as ${rows.get(code)}, and is ${retry}`];
  });
  const unknown = [...rows.keys()].filter((code) => !codes.has(code));
  return [...unwritten, ...unknown.map((code) => `${PAGE}: there is no ${code}`)];
};
