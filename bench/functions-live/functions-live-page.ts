import { machineRows, type Machine } from "../machine.ts";
import { lineCells, type Line } from "../report.ts";
import { quantile } from "../statistics.ts";
import type { BurstRun } from "./measure-burst.ts";
import type { ColdRun } from "./measure-cold.ts";
import type { HostileRun } from "./measure-hostile.ts";
import type { PoisonRun } from "./measure-poison.ts";
import type { WakeRun } from "./measure-wake.ts";

export interface FunctionsLiveReport {
  readonly date: string;
  readonly command: string;
  /** What a reader must know of this run; empty when nothing. */
  readonly note: string;
  readonly machine: Machine;
  /** Undefined: not measured in this run. */
  readonly cold: readonly ColdRun[] | undefined;
  readonly wake: WakeRun | undefined;
  readonly burst: BurstRun | undefined;
  readonly poison: PoisonRun | undefined;
  readonly hostile: HostileRun | undefined;
}

export function functionsLiveLines(report: FunctionsLiveReport): Line[] {
  const { cold, wake, burst, poison, hostile } = report;
  return [
    ...(cold === undefined ? [] : coldLines(cold)),
    ...(wake === undefined ? [] : wakeLines(wake)),
    ...(burst === undefined ? [] : burstLines(burst)),
    ...(poison === undefined ? [] : poisonLines(poison)),
    ...(hostile === undefined ? [] : hostileLines(hostile)),
  ];
}

function coldLines(runs: readonly ColdRun[]): Line[] {
  const phases = ["imported", "restored", "firstCall", "firstOutput", "cpu"] as const;
  const names = {
    imported: "modules loaded",
    restored: "32 partitions restored",
    firstCall: "first call",
    firstOutput: "first output in the log",
    cpu: "CPU of the thread until its first call",
  };
  return phases.flatMap((phase) =>
    quantiles(
      `cold thread: ${names[phase]}`,
      runs.map((run) => run[phase]),
    ),
  );
}

function wakeLines({ asleep, awake }: WakeRun): Line[] {
  return [
    ...quantiles("from zero: PUBLISH to the result in an open page", asleep),
    ...quantiles("the same of a stage that works", awake),
  ];
}

function burstLines({ recoveredMs, lagMsMax, scaleActions, burstPerSecond }: BurstRun): Line[] {
  return [
    line("burst", "msg/s", burstPerSecond),
    line("burst: oldest reading that waits, at most", "ms", lagMsMax),
    line("burst: until that is under 5 s for good", "ms", recoveredMs ?? 0),
    line("burst: times that the number of threads was changed", "", scaleActions),
  ];
}

function poisonLines({ samePartition, otherPartitions, before, threadDeaths, sent, derived }: PoisonRun): Line[] {
  return [
    line("poison: longest wait of a neighbour in its partition", "ms", samePartition),
    line("poison: longest wait in other partitions", "ms", otherPartitions),
    line("poison: longest wait before it came", "ms", before),
    line("poison: threads that it ended", "", threadDeaths),
    line("poison: neighbours' readings without a result", "", sent - derived),
  ];
}

function hostileLines({ alone, besideHostile, threadDeaths }: HostileRun): Line[] {
  return [
    ...quantiles("main stage alone: PUBLISH to an open page", alone),
    ...quantiles("main stage beside a hostile function", besideHostile),
    line("hostile function: p99 with it to p99 without", "×", quantile(besideHostile, 0.99) / quantile(alone, 0.99)),
    line("hostile function: threads that it ended", "", threadDeaths),
  ];
}

function quantiles(what: string, values: readonly number[]): Line[] {
  return [0.5, 0.95, 0.99].map((share) => line(`${what}, p${share * 100}`, "ms", quantile(values, share)));
}

function line(what: string, unit: string, value: number): Line {
  return { what, unit, values: [value] };
}

/** Which of what was asked this run has not reached. */
function missedText({ cold, wake, burst, poison, hostile }: FunctionsLiveReport): string {
  const call = quantile(cold?.map(({ firstCall }) => firstCall) ?? [], 0.5);
  const woken = quantile(wake?.asleep ?? [], 0.95);
  const waited = Math.max(poison?.samePartition ?? 0, poison?.otherPartitions ?? 0);
  const times = hostile === undefined ? 0 : quantile(hostile.besideHostile, 0.99) / quantile(hostile.alone, 0.99);
  const ms = (value: number): string => `${value.toFixed(0)} ms`;
  const missed = [
    call > 150 ? `the first call of a cold thread comes after ${ms(call)} (p50) instead of 150 ms` : "",
    woken > 300 ? `from zero the p95 is ${ms(woken)} instead of 300 ms` : "",
    (burst?.recoveredMs ?? 0) > 30_000 ? "the burst is not worked off within 30 s" : "",
    (burst?.scaleActions ?? 0) >= 3 ? `the burst changes the number of threads ${burst?.scaleActions} times` : "",
    waited >= 2000 ? `a neighbour of the poison waits ${ms(waited)} instead of less than 2 s` : "",
    times >= 2 ? `the hostile function makes the p99 ${times.toFixed(1)} times as long` : "",
  ].filter((one) => one !== "");
  return missed.length === 0 ? "**Missed**: nothing." : `**Missed**: ${missed.join("; ")}.`;
}

/** The page docs/benchmarks/functions-live.md. */
export function functionsLivePage(report: FunctionsLiveReport): string {
  const rows = functionsLiveLines(report).map((one) => {
    const [what, unit, value] = lineCells(one);
    return `| ${what} | ${value} ${unit} |`;
  });
  return `# Functions at work

What users' functions do when they are started, woken, flooded and misbehave, on a whole instance with its log on the disk.

- **Cold thread**: spawned anew with all 32 partitions, while a record waits; asked: first call within 150 ms. ${report.cold?.length ?? 0} threads.
- **From zero**: no thread works, one is in reserve, and one message comes; asked: p95 within 300 ms. ${report.wake?.asleep.length ?? 0} wakes.
- **Burst**: twenty times the load with \`--autoscale on\`, of a function that takes about half a millisecond for each reading; asked: under 5 s again within 30 s, with
  fewer than three changes of the number of threads.
- **Poison**: one record from which a function never comes back, while seven neighbours send 20 readings a second each; asked: they wait less than 2 s.
- **Hostile**: 200 readings a second, for each of which a function prints 50 kB (10 MB/s), throws every second time, and never comes back once in a thousand; asked:
  the p99 of the main stage's results less than twice that without it.

${missedText(report)}

${machineRows(report)}

| | |
| --- | --- |
${rows.join("\n")}

Raw numbers: [raw/functions-live.json](raw/functions-live.json).
`;
}
