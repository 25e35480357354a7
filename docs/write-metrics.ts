import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readTree } from "../test/tidy/source-tree.ts";
import { pageTable } from "./page-table.ts";

const PAGE = new URL("metrics.md", import.meta.url);
const HEAD = `# Metrics

What \`/metrics\` serves in Prometheus' text format, generated from the code by \`node docs/write-metrics.ts\`. Counters begin at 0 with each
start. Labels never hold a device.

`;
/** A metric as the rooms make it: name, help and labels stand in the call. */
const METRIC = /\.(counter|gauge)\(\s*"(millrace_\w+)",\s*"([^"]+)",?(?:\s*\{([^}]*)\})?/g;
const CALL = /\.(?:counter|gauge)\(/g;
const NO_ROOM = /^(?:test|bench|docs)\/|^core\/metrics\.ts$|\.md$/;

interface Source {
  readonly path: string;
  readonly text: string;
}

export function metricsPage(files: readonly Source[]): string {
  const rows = new Map<string, readonly string[]>();
  for (const { path, text } of files.filter((file) => !NO_ROOM.test(file.path))) {
    const metrics = [...text.matchAll(METRIC)];
    if (metrics.length !== (text.match(CALL)?.length ?? 0)) {
      throw new Error(`${path}: a metric's name and help must be texts in the call that makes it`);
    }
    for (const [, type = "", name = "", help = "", labels = ""] of metrics) {
      rows.set(name, [`\`${name}\``, type, labelNames(labels), help]);
    }
  }
  const sorted = [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  return HEAD + pageTable([["metric", "type", "labels", "meaning"], ...sorted]);
}

function labelNames(labels: string): string {
  const names = [...labels.matchAll(/(\w+)\s*(?::[^,]*)?(?:,|$)/g)].map(([, name = ""]) => `\`${name}\``);
  return names.join(", ");
}

if (import.meta.main) writeFileSync(PAGE, metricsPage(readTree(join(import.meta.dirname, ".."))));
