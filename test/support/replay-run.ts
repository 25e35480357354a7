import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { runMillraceAsync } from "./instance.ts";
import { writeRecording } from "./replay-recordings.ts";
import type { AuditReport } from "../../core/audit-report.ts";
import type { Overview } from "../../core/overview.ts";
import type { AlarmState } from "../../core/registry.ts";
import type { Recording } from "./replay-recordings.ts";

const DAY = 86_400_000;

export interface ReplayDone {
  readonly sent: number;
  readonly acknowledged: number;
  readonly resent: number;
  /** Event time up to which the command flushed. */
  readonly flushUpTo: number;
  readonly seconds: number;
}

const resultSchema = z.object({
  sent: z.int(),
  acknowledged: z.int(),
  resent: z.int(),
  complete: z.literal(true),
  lastTime: z.int(),
});

/** The HTTP API of the instance that runs on a data directory. */
export interface InstanceApi {
  get<T>(path: string): Promise<T>;
  post(path: string, body: object): Promise<void>;
  put(path: string, body: object): Promise<void>;
  /** A POST that answers with what it has made. */
  create<T>(path: string, body: object): Promise<T>;
  metrics(): Promise<string>;
}

export function instanceApi(data: string): InstanceApi {
  const call = async (path: string, init: RequestInit): Promise<Response> => {
    const { url, token }: { url: string; token: string } = JSON.parse(
      readFileSync(join(data, "instance.json"), "utf8"),
    );
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await fetch(`${url}${path}`, { ...init, headers });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return response;
  };
  return {
    // The shapes are those of core, which the API validates on its side.
    get: async <T>(path: string) => (await (await call(`/api/v1${path}`, {})).json()) as T,
    post: async (path, body) => void (await call(`/api/v1${path}`, { method: "POST", body: JSON.stringify(body) })),
    put: async (path, body) => void (await call(`/api/v1${path}`, { method: "PUT", body: JSON.stringify(body) })),
    create: async <T>(path: string, body: object) =>
      (await (await call(`/api/v1${path}`, { method: "POST", body: JSON.stringify(body) })).json()) as T,
    metrics: async () => (await call("/metrics", {})).text(),
  };
}

/** Applies the recording's configuration: types, rules, devices. */
export async function applyRecording(recording: Recording, data: string): Promise<{ readonly csv: string }> {
  const { csv, yaml } = writeRecording(recording, data);
  const applied = await runMillraceAsync(["apply", yaml, "--data", data]);
  if (applied.code !== 0) throw new Error(`apply failed: ${applied.stderr}`);
  return { csv };
}

/** `millrace simulate --replay` to its end. It rides out restarts of the instance on the same ports; `flush` needs it to be up. */
export async function replayRecording(
  recording: Recording,
  at: {
    readonly csv: string;
    readonly data: string;
    readonly mqtt: string;
    readonly flush: boolean;
    readonly speed?: number;
  },
): Promise<ReplayDone> {
  const begun = performance.now();
  const args = ["simulate", "--json", "--replay", at.csv, "--map", recording.map, "--mqtt", at.mqtt, "--data", at.data];
  if (!at.flush) args.push("--no-flush");
  if (at.speed !== undefined) args.push("--speed", String(at.speed));
  const done = await runMillraceAsync(args);
  if (done.code !== 0) throw new Error(`simulate ended with ${done.code}: ${done.stderr} ${done.stdout}`);
  const { lastTime, ...result } = resultSchema.parse(JSON.parse(done.stdout.trim().split("\n").at(-1) ?? ""));
  return { ...result, flushUpTo: lastTime + DAY, seconds: (performance.now() - begun) / 1000 };
}

/** Waits until a replay that has been started is publishing. */
export async function firstMessage(api: InstanceApi): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!/^millrace_mqtt_admitted_total [1-9]/m.test(await api.metrics())) {
    if (Date.now() > deadline) throw new Error("no message came");
    await sleep(20);
  }
}

/** Waits until everything in the log has been through every hop and the ledger balances; resolves with the audit then. */
export async function settled(api: InstanceApi, timeoutMs: number): Promise<AuditReport> {
  const begunAt = Date.now();
  const deadline = begunAt + timeoutMs;
  for (;;) {
    // Tables that were emptied while the instance was away look settled until the sink has found out, and are not there until it has
    // made them; the audit knows of readings alone, which may all be there before the rest is. So nothing may lag before and after. What
    // lags is looked at now and then only, so the audit, which is exact, is asked for both sums.
    const audit = (await isStill(api, begunAt)) ? await api.get<AuditReport>("/audit").catch(() => null) : null;
    if (audit?.balanced === true && isThrough(audit) && (await isStill(api, begunAt))) return audit;
    if (Date.now() > deadline) throw new Error(`not settled: ${JSON.stringify({ audit, ...(await lagging(api)) })}`);
    await sleep(200);
  }
}

function isThrough({ ledger }: AuditReport): boolean {
  return ledger.messages.inFlight === 0 && ledger.values.inFlight === 0;
}

/** An overview is shared for half a second: one of before that does not know what was sent since. */
async function isStill(api: InstanceApi, since: number): Promise<boolean> {
  const { at, hops, pending } = await lagging(api);
  return at >= since && pending === 0 && hops.every(({ lag }) => lag === 0);
}

async function lagging(api: InstanceApi) {
  const { at, hops } = await api.get<Overview>("/overview");
  const { pending } = await api.get<{ pending: number }>("/notifications");
  return { at, hops, pending };
}

/** All alarms that the API lists. */
export async function listAlarms(api: InstanceApi): Promise<AlarmState[]> {
  const all: AlarmState[] = [];
  let after: string | null = "";
  while (after !== null) {
    const page: { items: AlarmState[]; next: string | null } = await api.get(
      `/alarms?limit=1000${after === "" ? "" : `&after=${encodeURIComponent(after)}`}`,
    );
    all.push(...page.items);
    after = page.next;
  }
  return all;
}
