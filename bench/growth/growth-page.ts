import { machineRows } from "../machine.ts";
import { median } from "../statistics.ts";
import { costCurves, EXPONENT_LIMIT, type CostCurve, type GrowthReport, type Measured } from "./growth-report.ts";

export const CURVE_HEAD = ["curve", "size", "µs of CPU, median", "runs"];

export function curveCells({ name, unit, points, exponent }: CostCurve): string[][] {
  const rows = points.map(({ size, costs }) => {
    return [name, `${size.toLocaleString("en")} ${unit}`, figure(median(costs)), costs.map(figure).join(", ")];
  });
  return [...rows, [name, "exponent", exponent === null ? "-" : exponent.toFixed(3), ""]];
}

/** The page docs/benchmarks/growth.md. */
export function growthPage(report: GrowthReport): string {
  const curves = costCurves(report);
  const sections = curves.map((curve) => {
    const rows = curve.points.map(
      ({ size, costs }) =>
        `| ${size.toLocaleString("en")} | ${figure(median(costs))} | ${costs.map(figure).join(", ")} |`,
    );
    return `### ${curve.name}: ${curve.what}

| ${curve.unit} | µs of CPU, median | runs |
| ---: | ---: | --- |
${rows.join("\n")}

${sentence(curve)}
`;
  });
  return `# How costs grow

Written by \`npm run bench -- growth\`. Every number with its runs: [raw/growth.json](raw/growth.json). What follows from them for fleets of
millions: [scaling.md](../scaling.md).

${measurements(report)
  .map((measured) => machineRows(measured))
  .join("\n\n")}

## Result

The exponent e says how a cost grows with a size: cost = c · size^e, fitted to the medians on logarithms. 0 is no growth, 1 is growth in
proportion. Aim: at most ${EXPONENT_LIMIT} of what a message costs, for devices, partitions, rules and history.

| curve | what grows | exponent | |
| --- | --- | ---: | --- |
${curves.map((curve) => `| ${curve.name} | ${curve.what} | ${curve.exponent?.toFixed(3) ?? "-"} | ${verdict(curve)} |`).join("\n")}

## What is measured

- **Devices, partitions, rules**: one thread does what a worker does with messages in stage \`main\` (clean, aggregate 60 s, alarm), without log and
  disk, as in [functions.md](functions.md): it decodes record batches, runs the stage, and encodes units and outputs. Each run is a process of its
  own, warmed up through two windows of each device. The CPU is that of the whole process.
- **A unit** carries the state of each device that it touched once. So that a small fleet is not cheaper only because its devices come several times in
  a unit, \`devices\` has them all in one partition, where no unit has one twice; \`spread\` shows the difference. \`partitions\` gives the thread
  8,192 messages in each turn, however many partitions they come from: more partitions are smaller batches and units.
- **Rules**: \`rules\` and \`changes\` have one rule for each device. \`rulesOfAll\` has all of them for each: there a message costs what its rules
  cost, and its exponent is not part of the aim. \`changes\` shows what it costs a partition to find
  out anew which rules select its devices, when one of them is changed.
- **History**: a log, the sink and ClickHouse embedded (chdb), for each size in processes of their own. The server makes the history itself, in inserts of
  180,000 rows as a sink that is behind sends them, all in the month in which the rounds go on. It ends at the same time of day for all sizes: an hour is
  computed of its minutes, and costs the more the later it is in the hour. Each round sends the same 180,000 rows through the sink, ten seconds of
  event time apart per device, waits until every roll-up is computed, and asks forty times for the newest ten minutes of one metric of one device. The first
  round is not counted.
- **Merges** (threads of their own in ClickHouse) are counted while the second half of a history goes in, because most inserts are followed by small ones or none, and
  a few by large ones. A row is merged once for each step of about ten parts to one, so this curve grows with the logarithm of what its month holds in
  inserts, and ends where a month ends or a part has 150 GB: no history before that month makes a merge larger. \`history: stored\` is ClickHouse alone with them, \`history: message\` the sink too. A message
  costs more than that: the stage is not in it, which does not know the history. Why and what was done: [ADR 42](../adr/0042-merges-take-wider-steps.md).
- All sizes take turns, round by round, and the median counts: what else the machine does makes no slope.

${sections.join("\n")}`;
}

function sentence({ exponent }: CostCurve): string {
  return exponent === null ? "One size: no exponent." : `Exponent ${exponent.toFixed(3)}.`;
}

/** Curves that are shown for what they cost and not held against the aim. */
const SHOWN = new Set(["spread", "rulesOfAll", "changes", "history: sink", "history: merges"]);

function verdict({ name, exponent }: CostCurve): string {
  if (SHOWN.has(name) || exponent === null) return "shown";
  return exponent <= EXPONENT_LIMIT ? "holds" : "**above**";
}

function measurements({ curves, history }: GrowthReport): readonly Measured[] {
  const all: readonly Measured[] = [...Object.values(curves), ...(history === undefined ? [] : [history])];
  return [...new Map(all.map((one) => [`${one.date} ${one.command}`, one])).values()];
}

/** Three significant digits are more than a shared machine can give. */
function figure(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en", { maximumFractionDigits: 3 });
}
