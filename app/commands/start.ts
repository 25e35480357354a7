import { readFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { MillraceError, errorText } from "../../core/errors.ts";
import { buildPagesIfStale } from "../build-pages.ts";
import { within } from "../deadline.ts";
import { rolesOf } from "../roles.ts";
import { untilTold } from "../standby.ts";
import { prepareMillrace, startMillrace } from "../start.ts";
import { spawnThread } from "../threads/spawn-thread.ts";
import { EXIT } from "./output.ts";
import { postLine, publishLine } from "./publish-line.ts";
import type { Config } from "../config.ts";
import type { Millrace } from "../start.ts";
import type { SimulatorApi } from "../threads/simulator-api.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FIRST_DEVICE = "first-device";
const STOP_DEADLINE_MS = 10_000;

interface StartCommandOptions {
  readonly config: Config;
  readonly json: boolean;
  readonly demo: boolean;
}

/** Runs until SIGINT or SIGTERM, then stops in order; a second signal ends at once. What fails after the start stops it again. */
export async function startCommand(options: StartCommandOptions): Promise<number> {
  const begun = performance.now();
  if (options.config.standby) return standBy(options);
  const servesPages = rolesOf(options.config.role).has("api");
  const [started, built] = await Promise.allSettled([
    startMillrace(options.config),
    servesPages ? buildPagesIfStale(ROOT) : false,
  ]);
  if (started.status === "rejected") throw started.reason;
  return run(started.value, options, { begun, built });
}

/** Everything that a processor needs, until somebody wants one: see standby.ts. */
async function standBy(options: StartCommandOptions): Promise<number> {
  const prepared = await prepareMillrace(options.config);
  const ending = new AbortController();
  const end = (): void => ending.abort();
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.once(signal, end);
  let begins = false;
  try {
    await prepared.ready();
    const standbyMs = Math.round(process.uptime() * 1000);
    console.log(
      options.json ? JSON.stringify({ standbyMs }) : "Millrace stands by. The line `begin` makes it a processor.",
    );
    const broken = prepared.broken.then((error) => Promise.reject(error));
    begins = await Promise.race([untilTold(process.stdin, ending.signal), broken]);
  } catch (error) {
    // Standard input, which is still waited for, must not keep a process that cannot go on.
    ending.abort();
    throw error;
  } finally {
    if (!begins) await stopInTime(prepared);
  }
  if (!begins) {
    if (!ending.signal.aborted)
      console.error("millrace: standard input has ended, so nobody can tell it to begin: it ends");
    return EXIT.ok;
  }
  const begun = performance.now();
  const millrace = await prepared.begin();
  if (ending.signal.aborted) {
    await stopInTime(millrace);
    return EXIT.ok;
  }
  for (const signal of signals) process.off(signal, end);
  return run(millrace, options, { begun, built: null });
}

/** Says that it is ready, and runs until it is told to end or cannot go on. */
async function run(
  millrace: Millrace,
  options: StartCommandOptions,
  { begun, built }: { readonly begun: number; readonly built: PromiseSettledResult<boolean> | null },
): Promise<number> {
  const { mqttUrl, mqttsUrl, ingestUrl } = millrace;
  let stopDemo = async (): Promise<void> => undefined;
  let failure: Error | null;
  try {
    if (built?.status === "rejected") throw built.reason;
    const isWhole = options.config.role === "all" && mqttUrl !== null && ingestUrl !== null;
    const first = isWhole ? await firstSteps(millrace, mqttUrl, ingestUrl) : null;
    if (options.demo && mqttUrl !== null) stopDemo = await startDemo(millrace, mqttUrl);
    const readyMs = Math.round(performance.now() - begun);
    // Before anybody is told that it is ready: who waits for that line may stop it at once.
    const signalled = nextSignal();
    const { role } = options.config;
    if (first === null)
      printRole(
        {
          readyMs,
          role,
          http: millrace.httpUrl,
          mqtt: mqttUrl,
          mqtts: mqttsUrl,
          ingest: ingestUrl,
          adminToken: millrace.adminToken,
        },
        options,
      );
    else
      console.log(options.json ? JSON.stringify({ readyMs, ...first }) : banner({ readyMs, ...first }, options.demo));
    failure = await Promise.race([signalled, millrace.broken]);
    process.once("SIGINT", () => process.exit(130));
  } finally {
    await stopDemo();
    await stopInTime(millrace);
  }
  if (failure === null) return EXIT.ok;
  console.error(`millrace: ${failure.message}. Nothing acknowledged is lost; start it again.`);
  return EXIT.failed;
}

/** What somebody who has just started it needs: a device to send with, and a way into the dashboard. */
async function firstSteps(millrace: Millrace, mqtt: string, ingest: string): Promise<Omit<Summary, "readyMs">> {
  const token = millrace.secretText("first-device.token", () => `mr_d_${randomBytes(32).toString("base64url")}`);
  await millrace.threads.services("ensureDevice", FIRST_DEVICE, token);
  const code = await millrace.threads.services("signInCode");
  return {
    dashboard: `${millrace.httpUrl}/?code=${code}`,
    api: `${millrace.httpUrl}/docs`,
    mqtt,
    mqtts: millrace.mqttsUrl,
    ingest,
    device: FIRST_DEVICE,
    token,
    adminToken: millrace.adminToken,
  };
}

async function stopInTime(millrace: Pick<Millrace, "stop">): Promise<void> {
  const late = () => new MillraceError("TIMED_OUT", "stopping took too long");
  await within(millrace.stop(STOP_DEADLINE_MS), STOP_DEADLINE_MS + 2000, late).catch((error: unknown) =>
    console.error(`millrace: ${errorText(error)}`),
  );
}

async function startDemo(millrace: Millrace, mqtt: string): Promise<() => Promise<void>> {
  const yaml = readFileSync(new URL("../../examples/demo.yaml", import.meta.url), "utf8");
  const devices = await millrace.threads.services("applyDemo", yaml);
  const simulator = spawnThread<SimulatorApi>("./simulator.ts", {}, [], () => undefined, { runDemo: Infinity });
  let stopping = false;
  simulator.call("runDemo", mqtt, devices).catch((error: unknown) => {
    if (!stopping) console.error(`millrace: the simulated fleet has ended: ${errorText(error)}`);
  });
  return async () => {
    stopping = true;
    await simulator.worker.terminate();
  };
}

/** What a process says that has some of the roles. */
function printRole(
  ready: Pick<Summary, "readyMs"> & {
    readonly role: string;
    readonly http: string;
    readonly mqtt: string | null;
    readonly mqtts: string | null;
    readonly ingest: string | null;
    /** Only on the very first start of a process with the role api. */
    readonly adminToken: string | null;
  },
  { json }: { readonly json: boolean },
): void {
  if (json) return console.log(JSON.stringify(ready));
  const { readyMs, role, http, mqtt, mqtts, ingest, adminToken } = ready;
  console.log(`Millrace is ready as ${role} after ${(readyMs / 1000).toFixed(1)} s.\n\n  HTTP    ${http}`);
  if (mqtt !== null) console.log(`  MQTT    ${mqtt}\n  Ingest  ${ingest}`);
  if (mqtts !== null) console.log(`  TLS     ${mqtts}`);
  if (adminToken !== null) console.log(`  Admin token, shown this once: ${adminToken}`);
}

/** Null on a signal: the user wants it to end. */
function nextSignal(): Promise<null> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve(null));
  });
}

interface Summary {
  readonly readyMs: number;
  readonly dashboard: string;
  readonly api: string;
  readonly mqtt: string;
  /** With TLS; null without it. */
  readonly mqtts: string | null;
  /** Telemetry over HTTP; MQTT over WebSocket under `/mqtt`. */
  readonly ingest: string;
  readonly device: string;
  readonly token: string;
  readonly adminToken: string | null;
}

function banner(s: Summary, demo: boolean): string {
  const script =
    `const c=require("mqtt").connect("${s.mqtt}",{username:"${s.device}",password:"${s.token}"});` +
    `c.publish("v1/devices/me/telemetry",JSON.stringify({temperature:21.5}),{qos:1},()=>c.end())`;
  const lines = [
    `Millrace is ready after ${(s.readyMs / 1000).toFixed(1)} s${demo ? ", with a simulated fleet" : ""}.`,
    "",
    `  Dashboard  ${s.dashboard}`,
    "             signs in once, within an hour; millrace link prints a new one",
    `  API        ${s.api}`,
    `  MQTT       ${s.mqtt}`,
    ...(s.mqtts === null ? [] : [`  MQTT, TLS  ${s.mqtts}`]),
    `  Ingest     ${s.ingest}/v1/telemetry, and MQTT over WebSocket at /mqtt`,
  ];
  if (s.adminToken !== null) lines.push("", `  Admin token, shown this once: ${s.adminToken}`);
  lines.push(
    "",
    "Send a first reading from another terminal in this folder, with any of these lines:",
    "",
    `  ${publishLine(s.mqtt, s.device, s.token)}`,
    "",
    `  node -e '${script}'`,
    "",
    `  ${postLine(s.ingest, s.token)}`,
    "",
    "Ctrl-C stops it; nothing that was acknowledged is lost.",
  );
  return lines.join("\n");
}
