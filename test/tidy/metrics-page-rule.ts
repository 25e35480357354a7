import { metricsPage } from "../../docs/write-metrics.ts";
import type { SourceFile, TidyRule } from "./source-tree.ts";

const PAGE = "docs/metrics.md";

/** Regenerate from these sources, no difference. */
export function metricsPageRule(sources: readonly SourceFile[]): TidyRule {
  return (files) => {
    const page = files.find((file) => file.path === PAGE)?.text;
    return page === metricsPage(sources) ? [] : [`${PAGE}: differs from the code; run node docs/write-metrics.ts`];
  };
}
