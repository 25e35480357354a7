import { configurationPage } from "../../docs/write-configuration.ts";
import type { TidyRule } from "./source-tree.ts";

const PAGE = "docs/configuration.md";

/** Regenerate, no difference. */
export const configurationPageRule: TidyRule = (files) => {
  const page = files.find((file) => file.path === PAGE)?.text;
  return page === configurationPage()
    ? []
    : [`${PAGE}: differs from app/config.ts; run node docs/write-configuration.ts`];
};
