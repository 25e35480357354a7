import { parseArgs } from "node:util";
import { formatTable } from "../../app/commands/output.ts";
import { SHAPE_NAMES } from "../ingest/load-shapes.ts";
import { commandLine, describeMachine } from "../machine.ts";
import { lineCells } from "../report.ts";
import { writeReport } from "../write-report.ts";
import { endToEndPage, shapeLines, type EndToEndReport, type EndToEndRound } from "./end-to-end-page.ts";
import { type EndToEndTiming, measureEndToEnd, profileEndToEnd } from "./measure-end-to-end.ts";

const COSTS_PRINTED = 20;

/**
 * Measures what a message costs from PUBLISH to its rows in ClickHouse, and writes docs/benchmarks/end-to-end.md. `--seconds` and `--warm-up` are one number
 * for all shapes, or one for each: single messages take longer until as many have come as code needs to be compiled.
 */
export async function benchEndToEnd(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: "string", default: "3" },
      seconds: { type: "string", default: "10" },
      "warm-up": { type: "string", default: "12" },
      shapes: { type: "string", default: SHAPE_NAMES.join() },
      profile: { type: "boolean", default: false },
      note: { type: "string", default: "" },
      "dry-run": { type: "boolean", default: false },
    },
  });
  const machine = describeMachine();
  const timingAt = (place: number): EndToEndTiming => ({
    warmUpSeconds: numberAt(values["warm-up"], place),
    seconds: numberAt(values.seconds, place),
  });
  const timings = { pipelined: timingAt(0), mid: timingAt(1), single: timingAt(2) };
  const shapes = SHAPE_NAMES.filter((shape) => values.shapes.split(",").includes(shape));
  const rounds: EndToEndRound[] = [];
  for (let run = 0; run < Number(values.runs); run += 1) {
    const round: EndToEndRound = {};
    for (const shape of shapes) {
      const result = await measureEndToEnd(shape, timings[shape]);
      round[shape] = result;
      console.error(`${shape}: ${Math.round(result.messages / result.cpuSeconds)} msg/s per CPU-second`);
    }
    rounds.push(round);
  }
  const report: EndToEndReport = { ...commandLine("npm run bench"), machine, note: values.note, timings, rounds };
  const lines = shapes.flatMap((shape) =>
    shapeLines(report, shape).map((line) => ({ ...line, what: `${shape}, ${line.what}` })),
  );
  console.log(formatTable(["what", "unit", "median", "runs"], lines.map(lineCells)));
  if (!values["dry-run"]) writeReport("end-to-end", report, endToEndPage(report));
  for (const shape of values.profile ? shapes : []) {
    for (const [thread, costs] of Object.entries(await profileEndToEnd(shape, timings[shape]))) {
      console.log(`\n${shape}, ${thread}`);
      for (const { where, share } of costs.slice(0, COSTS_PRINTED))
        console.log(`${(100 * share).toFixed(1).padStart(5)} %  ${where}`);
    }
  }
}

/** Of `2`, or of `2,2,10`. */
function numberAt(text: string, place: number): number {
  const numbers = text.split(",").map(Number);
  return numbers[place] ?? numbers[0] ?? 0;
}
