import { commandLine, describeMachine, machineRows } from "../../bench/machine.ts";
import { writeReport } from "../../bench/write-report.ts";
import { wrongOf } from "./function-kills-verdict.ts";
import type { FunctionKillsFigures } from "./function-kills.ts";

/** Writes docs/benchmarks/function-kills.md and what it is made of. */
export function writeFunctionKills(figures: FunctionKillsFigures): void {
  const report = { ...commandLine("npm run function-kills"), machine: describeMachine(), figures };
  const number = (value: number): string => value.toLocaleString("en", { maximumFractionDigits: 0 });
  const rows = Object.entries(figures.windows).map(([name, { expected, ...rest }]) => {
    const { missing, wrong, doubled, lateDropped } = rest;
    return `| ${[name, ...[expected, wrong, missing, doubled, lateDropped].map(number)].join(" | ")} |`;
  });
  const wrong = wrongOf(figures);
  const page = `# Windows under kills

Devices send random streams (late, in another order, at the same time again, silent for a while, some from years ago) to an instance that computes
a window of every kind. A thread of the functions is ended wherever it is at random moments, in one of seven cases the whole instance with SIGKILL; every
5 s the functions go from one thread to one for each of 8 partitions, or back; in the middle a second release is deployed. At the end every result in
the log is compared with a recomputation by definition (test/support/oracle-windows.ts) from the readings in the log.

${machineRows(report)}

| | |
| --- | --- |
| kills of a thread, of the instance | ${figures.threadKills}, ${figures.instanceKills} |
| times scaled | ${figures.rescales} |
| messages acknowledged | ${number(figures.acknowledged)} |
| readings worked | ${number(figures.readings)}: ${Object.entries(figures.releases)
    .map(([release, count]) => `${number(count)} by release ${release}`)
    .join(", ")} |
| not worked exactly once | ${figures.notWorkedOnce} |
| outputs of another version than the live one | ${figures.ofWrongVersion} |
| dead letters | ${figures.deadLetters} |
| audit | ${figures.balanced ? "balanced" : "not balanced"} |
| seconds | ${number(figures.seconds)} |

| windows | results | wrong | missing | doubled | too late, otherwise than expected |
| --- | --- | --- | --- | --- | --- |
${rows.join("\n")}

${wrong.length === 0 ? "All is as it must be." : `**Not as it must be: ${wrong.join(", ")}.**`}

Raw numbers: [raw/function-kills.json](raw/function-kills.json).
`;
  writeReport("function-kills", report, page);
}
