import { z } from "zod";
import type { Launched, RoleLine } from "../support/instance.ts";
import type { ProcessHealth } from "./canary-verdict.ts";

const ERROR_LEVEL = 50;
const ASK_MS = 5000;
/** Counters that stand still while all is well. */
const FAILURES = [
  "millrace_mqtt_append_failed_total",
  "millrace_mqtt_session_lost_total",
  "millrace_function_errors_total",
  "millrace_function_thread_deaths_total",
];
const WORKED = ["millrace_mqtt_admitted_total", "millrace_stage_records_total", "millrace_clickhouse_rows_total"];

const readyzSchema = z.object({
  reasons: z.array(z.string()).default([]),
  faults: z.array(z.object({ text: z.string() })).default([]),
});

/** A process as one from outside sees it: what it answers, counts and logs. */
export async function healthOf(name: string, process: Launched<RoleLine>): Promise<ProcessHealth> {
  const [answer, page] = await Promise.all([readyz(process), metricsOf(process)]);
  return {
    name,
    hasEnded: process.hasEnded(),
    reasons: answer?.reasons ?? null,
    faults: answer?.faults.map(({ text }) => text) ?? [],
    errors: errorLines(process.stderr()).length,
    failures: Object.fromEntries(FAILURES.map((failure) => [failure, sumOf(page, failure)])),
    worked: WORKED.reduce((sum, counter) => sum + sumOf(page, counter), 0),
  };
}

/** Empty when it is ready, null when it does not answer. */
export async function readyReasons(process: Launched<RoleLine>): Promise<readonly string[] | null> {
  return (await readyz(process))?.reasons ?? null;
}

/** Null when it does not answer. Older releases list no faults. */
async function readyz({ ready }: Launched<RoleLine>): Promise<z.infer<typeof readyzSchema> | null> {
  try {
    const response = await fetch(`${ready.http}/readyz`, { signal: AbortSignal.timeout(ASK_MS) });
    return readyzSchema.parse(await response.json());
  } catch {
    return null;
  }
}

/** The release that a process says it runs; null of one that is too old to say. */
export async function releaseOf(process: Launched<RoleLine>): Promise<string | null> {
  return /^millrace_build_info\{.*release="([^"]*)"/m.exec(await metricsOf(process))?.[1] ?? null;
}

export function errorLines(stderr: string): string[] {
  return stderr.split("\n").filter((line) => {
    const level = /^\{"level":(\d+),/.exec(line)?.[1];
    return level !== undefined && Number(level) >= ERROR_LEVEL;
  });
}

/** Empty when it does not answer. */
async function metricsOf({ ready }: Launched<RoleLine>): Promise<string> {
  try {
    return await (await fetch(`${ready.http}/metrics`, { signal: AbortSignal.timeout(ASK_MS) })).text();
  } catch {
    return "";
  }
}

/** Over all labels. */
function sumOf(page: string, name: string): number {
  return page
    .split("\n")
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
