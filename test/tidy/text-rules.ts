import { basename } from "node:path";
import { lineOf, type TidyRule } from "./source-tree.ts";

/** Put together here, so that this file does not hold what it looks for. */
const LOOSE_END = new RegExp(
  `\\b(${["TO", "FIX"].map((start, index) => start + (index === 0 ? "DO" : "ME")).join("|")})\\b`,
);
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;
/** Names that tools and readers look for. */
const KNOWN_NAMES = /^([A-Z][A-Z_-]*\.md|LICENSE|Dockerfile|Chart\.yaml|NOTES\.txt|_helpers\.tpl|\..+)$/;

export const noLooseEndsRule: TidyRule = (files) =>
  files.flatMap((file) => {
    const found = LOOSE_END.exec(file.text);
    return found === null ? [] : [`${file.path}:${lineOf(file, found.index)}: ${found[1]}`];
  });

export const fileNameRule: TidyRule = (files) =>
  files.flatMap(({ path }) => {
    const folders = path.split("/").slice(0, -1);
    const named = KEBAB.test(basename(path)) || KNOWN_NAMES.test(basename(path));
    return named && folders.every((folder) => KEBAB.test(folder)) ? [] : [`${path}: not in kebab-case`];
  });
