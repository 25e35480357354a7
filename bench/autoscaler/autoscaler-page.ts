import { machineRows, type Machine } from "../machine.ts";
import { LATE_SECONDS, MOVE_SECONDS, PARTITIONS, POD_RATE } from "./trace.ts";
import type { ScalingEvent } from "../../runtime/autoscaler/scaling-types.ts";
import type { Outcome } from "./simulate.ts";

/** What came of one run: how many actions, and not each of them, which the simulator gives again. */
export type RecordedOutcome = Omit<Outcome, "actions"> & { readonly actions: number; readonly replicasMax: number };

export interface AutoscalerReport {
  readonly date: string;
  readonly command: string;
  readonly machine: Machine;
  readonly note: string;
  readonly traces: readonly { readonly name: string; readonly what: string; readonly seconds: number }[];
  readonly outcomes: readonly RecordedOutcome[];
  readonly events: readonly { readonly trace: string; readonly at: number; readonly event: ScalingEvent }[];
}

export const OUTCOME_HEAD = [
  "trace",
  "policy",
  "score",
  "pod-seconds",
  "late partition-seconds",
  "greatest lag, s",
  "actions",
  "turns",
];

export function recordedOutcome({ actions, ...outcome }: Outcome, initialReplicas: number): RecordedOutcome {
  return {
    ...outcome,
    actions: actions.length,
    replicasMax: Math.max(initialReplicas, ...actions.map(({ to }) => to)),
  };
}

export function outcomeCells(outcome: RecordedOutcome): string[] {
  const { trace, policy, score, podSeconds, latePartitionSeconds, lagSecondsMax, actions, turns } = outcome;
  const numbers = [score, podSeconds, latePartitionSeconds].map((value) => Math.round(value).toLocaleString("en"));
  return [trace, policy, ...numbers, lagSecondsMax.toFixed(1), String(actions), String(turns)];
}

/** The page docs/benchmarks/autoscaler.md. */
export function autoscalerPage(report: AutoscalerReport): string {
  const sections = report.traces.map(({ name, what, seconds }) => {
    const played = report.outcomes.filter(({ trace }) => trace === name);
    const least = Math.min(...played.map(({ score }) => score));
    const rows = played.map((outcome) => {
      const [, policy = "", score = "", ...others] = outcomeCells(outcome);
      return row([policy, outcome.score === least ? `**${score}**` : score, ...others]);
    });
    const events = report.events.filter(({ trace }) => trace === name).map(eventLine);
    return [
      `### ${name}`,
      `${what} ${(seconds / 60).toFixed(0)} min.`,
      table(OUTCOME_HEAD.slice(1), rows),
      ...events,
    ].join("\n\n");
  });
  return `# The autoscaler, beside others, in a simulator

Written by \`npm run bench -- autoscaler\`. The figures of every run: [raw/autoscaler.json](raw/autoscaler.json). The simulator has a seed and no
clock: the same tree gives the same numbers on any machine.

${machineRows(report)}

## Result

Score by trace, less is better; the best one is bold.

${scoreTable(report)}

${sensitivity(report)}

## What is simulated

- ${PARTITIONS} partitions, whose shares differ by up to 15 %; a replica does ${POD_RATE.toLocaleString("en")} records/s and starts in 10 s unless the
  trace says otherwise. Partitions are dealt out in turn; one that goes to another replica rests for ${MOVE_SECONDS} s. Arrivals have 10 % of noise. What is
  under way (half a second) is not committed yet. A sink that is away or slow keeps replicas waiting, not busy.
- **Pod-seconds** are of replicas that were asked for: one that starts costs as much as one that works. **Late partition-seconds** are, summed over
  partitions, the seconds in which the oldest record had waited for more than ${LATE_SECONDS} s. **Turns** are actions against the direction of the one before:
  the oscillation.
- **Score = pod-seconds + late partition-seconds.** A partition keeps at most one replica busy, so a replica for a second is the most that one would pay
  for one partition not to be late in it.
- **KEDA** is its Kafka scaler behind an HPA: ceil(lag / lagThreshold), at most a replica per partition, 15 s apart, within a tenth of the target nothing,
  down to the greatest recommendation of 300 s, to zero after 300 s. **Numaflow** is its formula for sources with its defaults. **HPA, CPU** is
  utilisation with the default target. Which file of which project each was read from stands in \`bench/autoscaler/policies\`. They are models: none of
  these systems ran here, and their operators may tune them otherwise.
- **Millrace** runs every 5 s, and again every 15 s as an HPA does, so that what the formula brings is not taken for what the pace brings.

${sections.join("\n\n")}
`;
}

function scoreTable({ traces, outcomes }: AutoscalerReport): string {
  const policies = [...new Set(outcomes.map(({ policy }) => policy))];
  const rows = traces.map(({ name }) => {
    const scores = policies.map((policy) => scoreOf(outcomes, name, policy));
    const least = Math.min(...scores);
    const cells = scores.map((score) => Math.round(score).toLocaleString("en"));
    return row([name, ...cells.map((cell, index) => (scores[index] === least ? `**${cell}**` : cell))]);
  });
  return table(["trace", ...policies], rows);
}

function scoreOf(outcomes: readonly RecordedOutcome[], name: string, policy: string): number {
  return outcomes.find((one) => one.trace === name && one.policy === policy)?.score ?? Infinity;
}

const WEIGHTS = [0.1, 0.5, 1, 2, 10];

/** Whether the verdict hangs on the weight of being late. */
function sensitivity({ traces, outcomes }: AutoscalerReport): string {
  const [ours] = outcomes;
  const others = [...new Set(outcomes.map(({ policy }) => policy))].filter((policy) => !policy.startsWith("Millrace"));
  const weighed = (one: RecordedOutcome, weight: number): number => one.podSeconds + weight * one.latePartitionSeconds;
  const rows = others.map((other) => {
    const counts = WEIGHTS.map((weight) => {
      const noWorse = traces.filter(({ name }) => {
        const of = (policy: string) => outcomes.find((one) => one.trace === name && one.policy === policy);
        const [own, theirs] = [of(ours?.policy ?? ""), of(other)];
        return own !== undefined && theirs !== undefined && weighed(own, weight) <= weighed(theirs, weight);
      });
      return `${noWorse.length} of ${traces.length}`;
    });
    return row([other, ...counts]);
  });
  const head = ["traces on which ours (every 5 s) is no worse than", ...WEIGHTS.map((weight) => `weight ${weight}`)];
  return `The weight of a late partition-second decides how much a second of lag may cost. With others than 1:\n\n${table(head, rows)}`;
}

function eventLine({ at, event }: AutoscalerReport["events"][number]): string {
  const { kind, ...what } = event;
  const details = Object.entries(what).map(([name, value]) => `${name} ${Number(value.toFixed(2))}`);
  return `At ${at} s ours said \`${kind}\`: ${details.join(", ")}.`;
}

function table(head: readonly string[], rows: readonly string[]): string {
  return [row(head), row(head.map((_, index) => (index === 0 ? "---" : "---:"))), ...rows].join("\n");
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
