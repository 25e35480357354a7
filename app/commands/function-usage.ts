import { EXIT, formatTable } from "./output.ts";
import type { FunctionUsage } from "../../core/function-usage.ts";
import type { ApiClient } from "./api-client.ts";

/** `millrace usage`. */
export async function usageCommand(api: ApiClient, options: { readonly json: boolean }): Promise<number> {
  const { items } = await api.get<{ items: readonly FunctionUsage[] }>("/functions/usage");
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
    rounded(one.cpuMs / 1000, 2),
    one.gbSeconds === null ? "-" : rounded(one.gbSeconds, 3),
    Math.ceil(one.stateBytes / 1024),
    one.coldStarts,
  ]);
  return formatTable(header, rows);
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
