import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { formatTable } from "../../app/commands/output.ts";
import { commandLine, describeMachine } from "../machine.ts";
import { writeReport } from "../write-report.ts";
import { GROWTH_CURVES } from "./growth-loads.ts";
import { curveCells, CURVE_HEAD, growthPage } from "./growth-page.ts";
import { costCurves, CURVES_OF, DIMENSIONS, type Dimension, type GrowthReport } from "./growth-report.ts";
import { measureCurves } from "./measure-curves.ts";
import { measureHistory } from "./measure-history.ts";

const RAW = fileURLToPath(new URL("../../docs/benchmarks/raw/growth.json", import.meta.url));
const HISTORY_SIZES = [1_000_000, 3_000_000, 10_000_000];

/**
 * Measures how the cost of a message grows with devices, partitions, rules and history, prints a table and writes it under docs/benchmarks. What is not
 * measured this time stays as it was measured before.
 */
export async function benchGrowth(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: "string" },
      rounds: { type: "string", default: "3" },
      messages: { type: "string", default: "60000" },
      devices: { type: "string" },
      spread: { type: "string" },
      partitions: { type: "string" },
      rules: { type: "string" },
      "history-rows": { type: "string" },
      "history-devices": { type: "string", default: "500" },
      note: { type: "string", default: "" },
      /** Measures nothing: writes the page again. */
      page: { type: "boolean", default: false },
      "dry-run": { type: "boolean", default: false },
    },
  });
  const dimensions = values.page ? [] : chosen(values.only);
  const measured = { ...commandLine("npm run bench"), note: values.note, machine: describeMachine() };
  const rounds = Number(values.rounds);
  const given: Partial<Record<string, string>> = {
    devices: values.devices,
    spread: values.spread,
    partitions: values.partitions,
    rules: values.rules,
    rulesOfAll: values.rules,
    changes: values.rules,
  };
  const jobs = dimensions
    .flatMap((dimension) => CURVES_OF[dimension])
    .map((curve) => {
      return { curve, sizes: sizesOf(given[curve], GROWTH_CURVES[curve].sizes) };
    });
  const curves = measureCurves(jobs, rounds, Number(values.messages));
  const before: GrowthReport = existsSync(RAW) ? JSON.parse(readFileSync(RAW, "utf8")) : { curves: {} };
  const stamped = Object.entries(curves).map(([name, sizes]) => [name, { ...measured, sizes }] as const);
  let report: GrowthReport = { ...before, curves: { ...before.curves, ...Object.fromEntries(stamped) } };
  if (dimensions.includes("history")) {
    const devices = Number(values["history-devices"]);
    const sizes = await measureHistory(sizesOf(values["history-rows"], HISTORY_SIZES), devices, rounds);
    report = { ...report, history: { ...measured, devices, sizes } };
  }
  console.log(formatTable(CURVE_HEAD, costCurves(report).flatMap(curveCells)));
  if (!values["dry-run"]) writeReport("growth", report, growthPage(report));
}

function chosen(only: string | undefined): readonly Dimension[] {
  if (only === undefined) return DIMENSIONS;
  const names = only.split(",");
  const unknown = names.find((name) => !DIMENSIONS.some((known) => known === name));
  if (unknown !== undefined)
    throw new Error(`--only ${unknown}: there is no such dimension; say one or several of ${DIMENSIONS.join(",")}`);
  return DIMENSIONS.filter((dimension) => names.includes(dimension));
}

function sizesOf(given: string | undefined, otherwise: readonly number[]): readonly number[] {
  if (given === undefined) return otherwise;
  const sizes = given.split(",").map(Number);
  if (sizes.some((size) => !Number.isInteger(size) || size <= 0))
    throw new Error(`sizes are whole numbers above 0 with commas between them, not ${given}`);
  return sizes;
}
