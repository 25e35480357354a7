import { messageFormatsPage } from "../../docs/write-message-formats.ts";
import type { TidyRule } from "./source-tree.ts";

const PAGE = "docs/message-formats.md";

/** Regenerate, no difference. */
export const messageFormatsPageRule: TidyRule = (files) => {
  const page = files.find((file) => file.path === PAGE)?.text;
  return page === messageFormatsPage()
    ? []
    : [`${PAGE}: differs from the shapes in core; run node docs/write-message-formats.ts`];
};
