import { LIMITS_SOURCES, limitsPage } from "../../docs/write-limits.ts";
import type { TidyRule } from "./source-tree.ts";

const PAGE = "docs/limits.md";

/** Regenerate, no difference. */
export const limitsPageRule: TidyRule = (files) => {
  const page = files.find((file) => file.path === PAGE)?.text;
  const source = LIMITS_SOURCES.map((path) => files.find((file) => file.path === path)?.text ?? "").join("\n");
  return page === limitsPage(source) ? [] : [`${PAGE}: differs from core/limits.ts; run node docs/write-limits.ts`];
};
