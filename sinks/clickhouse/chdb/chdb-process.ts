import { mkdir } from "node:fs/promises";
import { backOffMs } from "../../../core/back-off.ts";
import { MillraceError, errorText } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { pause } from "../../../core/pause.ts";
import { startChdbChild, type ChdbChild } from "./chdb-child.ts";
import { chdbLayout } from "./chdb-layout.ts";
import { endOrphan } from "./server-pid.ts";
import type { Clock } from "../../../core/clock.ts";
import type { Readiness, Service } from "../../../core/lifecycle.ts";
import type { Logger } from "../../../core/logger.ts";
import type { ClickHouseConnection } from "../clickhouse-connection.ts";
import type { ReportFault } from "../../../core/fault.ts";

export interface ChdbProcessOptions {
  /** Folder of the embedded ClickHouse; made when it is not there. */
  readonly path: string;
  /** The environment of the process; a few names of it reach the child. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onFault: ReportFault;
  /** How often the child is asked whether it lives, and how long it may take to answer before it is killed. */
  readonly probeIntervalMs?: number;
  readonly probeTimeoutMs?: number;
  /** The optional package; another name shows what happens without it. */
  readonly packageName?: string;
}

export interface ChdbProcess extends Service, Readiness {
  /** Null while the child is down; another one after each restart. */
  connection(): ClickHouseConnection | null;
  /** Of the running child: for memory reports and tests. */
  pid(): number | null;
}

const PROBE_INTERVAL_MS = 2000;
const PROBE_TIMEOUT_MS = 15_000;
const START_TIMEOUT_MS = 60_000;
/** How long a start waits for the lock of a child whose parent was just killed. */
const LOCK_WAIT_MS = 3000;
const LOCK_RETRY_MS = 200;
const RESTART_DELAY_MS_MIN = 250;
/** After this long without a fall the next one counts as the first again. */
const SETTLED_MS = 60_000;
const FAULT_ID = "clickhouse-server";

/**
 * Keeps the embedded ClickHouse running in a child process: restarts it with back-off when it dies or hangs. `start` resolves when it
 * serves. Errors of `start`: CHDB_MISSING, DATA_DIRECTORY_LOCKED, SINK_UNAVAILABLE.
 */
export function createChdbProcess(options: ChdbProcessOptions): ChdbProcess {
  const stopping = new AbortController();
  let child: ChdbChild | null = null;
  let reason: string | null = "the embedded ClickHouse has not started";
  let supervision: Promise<void> = Promise.resolve();
  let opening: Promise<unknown> = Promise.resolve();

  const open = async (): Promise<ChdbChild> => {
    const pending = openDatabase(options, stopping.signal);
    opening = pending.catch(() => undefined);
    const opened = await pending;
    child = opened;
    reason = null;
    options.logger.info({ pid: opened.pid, url: opened.connection.url }, "the embedded ClickHouse serves");
    return opened;
  };
  const onDown = (text: string): void => {
    child = null;
    reason = text;
    options.logger.warn({ cause: text }, "the embedded ClickHouse is restarted");
    options.onFault(FAULT_ID, "raised", text);
  };

  return {
    async start() {
      requirePackage(options.packageName ?? "chdb");
      const first = await open();
      supervision = supervise(options, first, { open, onDown, stopping: stopping.signal });
    },
    async stop(signal) {
      stopping.abort();
      const last = child;
      child = null;
      reason = "the embedded ClickHouse has stopped";
      if (last !== null) await endChild(last, signal);
      // A child that is still opening outlives its parent's thread by a moment, and with it the lock on the folder.
      await opening;
      await supervision;
    },
    notReadyReasons: () => (reason === null ? [] : [reason]),
    connection: () => child?.connection ?? null,
    pid: () => child?.pid ?? null,
  };
}

interface Supervision {
  open(): Promise<ChdbChild>;
  onDown(text: string): void;
  readonly stopping: AbortSignal;
}

async function supervise(
  options: ChdbProcessOptions,
  first: ChdbChild,
  { open, onDown, stopping }: Supervision,
): Promise<void> {
  let child: ChdbChild | null = first;
  let openedAt = options.clock.now();
  let falls = 0;
  while (!stopping.aborted) {
    if (child !== null) {
      const how = await watchUntilEnd(child, options, stopping);
      if (stopping.aborted) return;
      onDown(`The embedded ClickHouse ended (${how}).`);
      falls = options.clock.now() - openedAt >= SETTLED_MS ? 1 : falls + 1;
    }
    await pause(backOffMs(RESTART_DELAY_MS_MIN, LIMITS.chdbRestartDelayMsMax, falls - 1), stopping);
    if (stopping.aborted) return;
    try {
      child = await open();
      openedAt = options.clock.now();
      options.onFault(FAULT_ID, "cleared", "The embedded ClickHouse serves again.");
    } catch (error) {
      if (stopping.aborted) return;
      child = null;
      falls += 1;
      onDown(`The embedded ClickHouse does not start: ${errorText(error)}`);
    }
  }
}

/** Resolves with how the child ended; a child that does not answer is ended. */
async function watchUntilEnd(child: ChdbChild, options: ChdbProcessOptions, stopping: AbortSignal): Promise<string> {
  const over = new AbortController();
  const end = child.ended.finally(() => over.abort());
  const rest = AbortSignal.any([over.signal, stopping]);
  let hung = "";
  while (!rest.aborted) {
    await pause(options.probeIntervalMs ?? PROBE_INTERVAL_MS, rest);
    if (rest.aborted) break;
    const timeoutMs = options.probeTimeoutMs ?? PROBE_TIMEOUT_MS;
    await child.probe(timeoutMs).catch((error: unknown) => {
      if (rest.aborted) return;
      hung = `it did not say within ${timeoutMs} ms that it is well: ${errorText(error)}; `;
      child.kill();
      over.abort();
    });
  }
  return `${hung}${await end}`;
}

async function openDatabase(
  { path, environment, clock }: ChdbProcessOptions,
  stopping: AbortSignal,
): Promise<ChdbChild> {
  const { root, pidFile } = chdbLayout(path);
  await mkdir(root, { recursive: true });
  const giveUpAt = clock.now() + LOCK_WAIT_MS;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startChdbChild(root, environment, START_TIMEOUT_MS, stopping);
    } catch (error) {
      if (stopping.aborted) throw error;
      const holder = await endOrphan(pidFile);
      // Nobody holds it: once more all the same, because the child of a killed parent may have ended just now.
      if (holder === "none" && attempt > 1) throw error;
      if (clock.now() >= giveUpAt) throw locked(path, error);
    }
    await pause(LOCK_RETRY_MS, stopping);
  }
}

function locked(path: string, cause: unknown): MillraceError {
  return new MillraceError("DATA_DIRECTORY_LOCKED", `another Millrace has the tables in ${path} open`, {
    cause,
    remedy: "Stop the other one, or start this one with another data directory.",
  });
}

function requirePackage(name: string): void {
  try {
    import.meta.resolve(name);
  } catch (error) {
    throw new MillraceError("CHDB_MISSING", `the embedded ClickHouse (the optional package ${name}) is not installed`, {
      cause: error,
      remedy: "Run `npm install chdb` (Linux with glibc, or macOS), or start with --no-clickhouse.",
    });
  }
}

async function endChild(child: ChdbChild, signal: AbortSignal): Promise<void> {
  const kill = (): void => child.kill();
  if (signal.aborted) kill();
  signal.addEventListener("abort", kill, { once: true });
  child.requestStop();
  await child.ended;
  signal.removeEventListener("abort", kill);
}
