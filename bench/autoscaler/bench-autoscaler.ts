import { parseArgs } from "node:util";
import { formatTable } from "../../app/commands/output.ts";
import { commandLine, describeMachine } from "../machine.ts";
import { writeReport } from "../write-report.ts";
import {
  autoscalerPage,
  outcomeCells,
  OUTCOME_HEAD,
  recordedOutcome,
  type AutoscalerReport,
} from "./autoscaler-page.ts";
import { allPolicies } from "./policies/all-policies.ts";
import { millrace } from "./policies/millrace.ts";
import { recordedTraces } from "./recorded-traces.ts";
import { simulate } from "./simulate.ts";
import { madeTraces } from "./traces.ts";
import type { ScalingEvent } from "../../runtime/autoscaler/scaling-types.ts";
import type { Trace } from "./trace.ts";

/** Plays every trace against every policy, prints what came of it, and writes docs/benchmarks/autoscaler.md. The same every time. */
export function benchAutoscaler(args: string[]): void {
  const { values } = parseArgs({
    args,
    options: { trace: { type: "string" }, note: { type: "string", default: "" }, "dry-run": { type: "boolean" } },
  });
  const machine = describeMachine();
  const all = [...madeTraces(), ...recordedTraces()];
  const traces = all.filter(({ name }) => values.trace === undefined || name === values.trace);
  const outcomes = traces.flatMap((trace) => {
    console.error(trace.name);
    return allPolicies().map((policy) => recordedOutcome(simulate(trace, policy), trace.initialReplicas));
  });
  const report: AutoscalerReport = {
    ...commandLine("npm run bench"),
    machine,
    note: values.note,
    traces: traces.map(({ name, what, seconds }) => ({ name, what, seconds })),
    outcomes,
    events: traces.flatMap((trace) => eventsOf(trace)),
  };
  console.log(formatTable(OUTCOME_HEAD, outcomes.map(outcomeCells)));
  for (const { trace, at, event } of report.events) console.log(`${trace}, ${at} s: ${JSON.stringify(event)}`);
  if (values["dry-run"] !== true) writeReport("autoscaler", report, autoscalerPage(report));
}

function eventsOf(trace: Trace): AutoscalerReport["events"] {
  const events: { trace: string; at: number; event: ScalingEvent }[] = [];
  simulate(
    trace,
    millrace(5, (at, event) => events.push({ trace: trace.name, at, event })),
  );
  return events;
}
