import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ChildProcess } from "node:child_process";

const MILLRACE = fileURLToPath(new URL("../../bin/millrace.js", import.meta.url));

/** What `millrace start --json` prints when it is ready. */
export interface ReadyLine {
  readonly readyMs: number;
  readonly dashboard: string;
  readonly mqtt: string;
  readonly mqtts: string | null;
  readonly ingest: string;
  readonly device: string;
  readonly token: string;
  readonly adminToken: string | null;
}

/** What a process with some of the roles prints. */
export interface RoleLine {
  readonly readyMs: number;
  /** On the very first start of the role api. */
  readonly adminToken: string | null;
  readonly role: string;
  readonly http: string;
  readonly mqtt: string | null;
  readonly mqtts: string | null;
  readonly ingest: string | null;
}

export interface Instance extends Launched<ReadyLine> {
  readonly httpUrl: string;
}

/** A process that has printed that it is ready. */
export interface Launched<Line> {
  readonly ready: Line;
  readonly pid: number;
  /** Everything written to standard error so far. */
  stderr(): string;
  /** True when it has ended, whoever ended it. */
  hasEnded(): boolean;
  /** kill -9 of the whole tree. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
}

export interface InstanceOptions {
  readonly data: string;
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Run under this command, such as strace with its flags. */
  readonly under?: readonly string[];
  /** Flags of Node itself. */
  readonly nodeFlags?: readonly string[];
  /** What runs instead of bin/millrace.js, with the same arguments. */
  readonly script?: string;
  /** Aborted: it is killed, ready or not. */
  readonly signal?: AbortSignal;
}

/** Starts a real instance on free ports. It is a process group of its own, so that kill -9 reaches all of it. */
export async function startInstance(options: InstanceOptions): Promise<Instance> {
  const launched = await launch<ReadyLine>(options);
  return { ...launched, httpUrl: new URL(launched.ready.dashboard).origin };
}

/** Starts a process with some of the roles, on free ports. */
export function startRole(role: string, options: InstanceOptions): Promise<Launched<RoleLine>> {
  return launch<RoleLine>({ ...options, flags: ["--role", role, ...(options.flags ?? [])] });
}

/** A processor that has loaded and connected everything and waits: see app/standby.ts. */
export interface StandingBy extends Pick<Launched<RoleLine>, "pid" | "stderr" | "hasEnded" | "kill"> {
  readonly ready: { readonly standbyMs: number };
  /** Resolves when it has ended, whoever ended it. */
  readonly ended: Promise<void>;
  /** As if whoever started it were gone. */
  leave(): void;
  /** Resolves when it is a processor and ready. */
  begin(): Promise<Launched<RoleLine>>;
}

/** Starts one. It ends when this process does. */
export async function startStandby(options: InstanceOptions): Promise<StandingBy> {
  const flags = ["--role", "processors", "--standby", ...(options.flags ?? [])];
  const { child, launched } = spawnMillrace({ ...options, flags }, "pipe");
  const ready = await readyLine<StandingBy["ready"]>(child, launched.stderr);
  return {
    ...launched,
    ready,
    ended: launched.exited,
    leave: () => void child.stdin?.end(),
    async begin() {
      const line = readyLine<RoleLine>(child, launched.stderr);
      // One that has ended is found out by its standard output.
      child.stdin?.on("error", () => undefined);
      child.stdin?.write("begin\n");
      return { ...launched, ready: await line };
    },
  };
}

async function launch<Line>(options: InstanceOptions): Promise<Launched<Line>> {
  const { child, launched } = spawnMillrace(options, "ignore");
  return { ...launched, ready: await readyLine<Line>(child, launched.stderr) };
}

/** Runs another command that goes on until it is stopped. Resolves with what it prints first, which is JSON. */
export async function startCommand<Line>(
  args: readonly string[],
  options: Pick<InstanceOptions, "environment" | "signal">,
): Promise<Launched<Line>> {
  const { child, launched } = spawnProgram([process.execPath, MILLRACE, ...args, "--json"], options, "ignore");
  return { ...launched, ready: await readyLine<Line>(child, launched.stderr) };
}

function spawnMillrace(options: InstanceOptions, stdin: "ignore" | "pipe") {
  const program = [
    ...(options.under ?? []),
    process.execPath,
    ...(options.nodeFlags ?? []),
    options.script ?? MILLRACE,
    "start",
    "--json",
    "--data",
    options.data,
    "--mqtt-port",
    options.environment?.["MILLRACE_MQTT_PORT"] ?? "0",
    "--ingest-port",
    options.environment?.["MILLRACE_INGEST_PORT"] ?? "0",
    "--mqtt-tls-port",
    "0",
    "--http-port",
    options.environment?.["MILLRACE_HTTP_PORT"] ?? "0",
    ...(options.flags ?? []),
  ];
  return spawnProgram(program, options, stdin);
}

function spawnProgram(
  [command = process.execPath, ...rest]: readonly string[],
  options: Pick<InstanceOptions, "environment" | "signal">,
  stdin: "ignore" | "pipe",
) {
  options.signal?.throwIfAborted();
  const child = spawn(command, rest, {
    detached: true,
    stdio: [stdin, "pipe", "pipe"],
    env: { ...process.env, ...options.environment },
  });
  let errors = "";
  child.stderr?.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const exited = once(child, "exit").then(() => undefined);
  const abort = (): void => killGroup(child, "SIGKILL");
  options.signal?.addEventListener("abort", abort);
  child.once("exit", () => options.signal?.removeEventListener("abort", abort));
  const launched = {
    pid: child.pid ?? 0,
    exited,
    stderr: () => errors,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    async kill() {
      killGroup(child, "SIGKILL");
      await exited;
    },
    async stop() {
      if (child.exitCode !== null) return child.exitCode;
      killGroup(child, "SIGTERM");
      await exited;
      return child.exitCode;
    },
  };
  return { child, launched };
}

async function readyLine<Line>(child: ChildProcess, errors: () => string): Promise<Line> {
  if (child.stdout === null) throw new Error("no standard output");
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    if (!line.startsWith("{")) continue;
    const parsed: Line = JSON.parse(line);
    child.stdout.resume();
    return parsed;
  }
  throw new Error(`the instance ended before it was ready: ${errors()}`);
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, signal);
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command of the command line to its end. */
export async function runMillraceAsync(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [MILLRACE, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  await once(child, "close");
  return { code: child.exitCode, stdout, stderr };
}

/** A fresh directory, removed by `dispose`. */
export function temporaryDirectory(): { readonly path: string; dispose(): void } {
  const path = mkdtempSync(join(tmpdir(), "millrace-"));
  return { path, dispose: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}
