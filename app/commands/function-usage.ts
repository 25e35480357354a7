import { EXIT, formatTable } from "./output.ts";
import type { FunctionUsage } from "../../core/function-usage.ts";
import type { ApiClient } from "./api-client.ts";

/** `millrace usage`. `slow`: those first that take most of their stage's time. */
export async function usageCommand(
  api: ApiClient,
  options: { readonly json: boolean; readonly slow: boolean },
): Promise<number> {
  const { items: all } = await api.get<{ items: readonly FunctionUsage[] }>("/functions/usage");
  const items = options.slow ? all.toSorted((a, b) => (b.stageShare ?? 0) - (a.stageShare ?? 0)) : all;
  console.log(options.json ? JSON.stringify(items) : items.length === 0 ? "No function was called yet." : table(items));
  return EXIT.ok;
}

function table(items: readonly FunctionUsage[]): string {
  const header = [
    "stage",
    "function",
    "records",
    "calls",
    "errors",
    "µs per record",
    "p50 µs",
    "p99 µs",
    "% of stage",
    "cpu s",
    "GB s",
    "state KiB",
    "cold starts",
  ];
  const rows = items.map((one) => [
    one.stage,
    `${one.function}@${one.version}`,
    one.records,
    one.invocations,
    one.errors,
    rounded((1000 * one.cpuMs) / Math.max(1, one.records), 1),
    microseconds(one.callMsP50),
    microseconds(one.callMsP99),
    one.stageShare === null ? "-" : rounded(100 * one.stageShare, 1),
    rounded(one.cpuMs / 1000, 2),
    one.gbSeconds === null ? "-" : rounded(one.gbSeconds, 3),
    Math.ceil(one.stateBytes / 1024),
    one.coldStarts,
  ]);
  return formatTable(header, rows);
}

function microseconds(ms: number | null): number | string {
  return ms === null ? "-" : Math.round(1000 * ms);
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
