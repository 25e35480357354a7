import { fork, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { get } from "node:http";
import { fileURLToPath } from "node:url";
import { MillraceError } from "../../../core/errors.ts";
import { CHDB_USER, chdbReportSchema, type ChdbStart, type ChdbStop } from "./chdb-messages.ts";
import type { ClickHouseConnection } from "../clickhouse-connection.ts";

/** One run of the child process. */
export interface ChdbChild {
  readonly pid: number;
  readonly connection: ClickHouseConnection;
  /** Resolves when the process has ended, with how. */
  readonly ended: Promise<string>;
  /** Rejects when the engine does not answer within `timeoutMs`. */
  probe(timeoutMs: number): Promise<void>;
  /** Asks it to close and end. */
  requestStop(): void;
  kill(): void;
}

const SERVER_PROGRAM = fileURLToPath(new URL("./chdb-server.ts", import.meta.url));
/** Insert bodies go to disk as they come and results are small, so that the JavaScript heap stays at a few MB. */
const NODE_OPTIONS = ["--max-old-space-size=128", "--max-semi-space-size=1", "--disable-warning=ExperimentalWarning"];
/** What the child needs of the environment; secrets of the parent are none of it. */
const ENVIRONMENT_NAMES = ["PATH", "HOME", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "SystemRoot"];
const LAST_WORDS_CHARACTERS = 2000;

/**
 * Starts the child, with the niceness of the calling thread, and waits until it serves. SINK_UNAVAILABLE when it does not open the database within `timeoutMs`, or when
 * `stopping` comes first; no process is left then.
 */
export async function startChdbChild(
  root: string,
  environment: Readonly<Record<string, string | undefined>>,
  timeoutMs: number,
  stopping: AbortSignal,
): Promise<ChdbChild> {
  stopping.throwIfAborted();
  const env = Object.fromEntries(ENVIRONMENT_NAMES.map((name) => [name, environment[name]]));
  const child = fork(SERVER_PROGRAM, [], { execArgv: NODE_OPTIONS, env, stdio: ["ignore", "ignore", "pipe", "ipc"] });
  const lastWords = collectLastWords(child);
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(`${signal ?? `exit code ${code}`}${lastWords()}`));
  });
  const password = randomBytes(24).toString("base64url");
  const kill = (): void => void child.kill("SIGKILL");
  stopping.addEventListener("abort", kill, { once: true });
  try {
    const port = await readyPort(child, ended, { type: "start", root, password }, timeoutMs);
    stopping.throwIfAborted();
    const connection = {
      url: `http://127.0.0.1:${port}`,
      username: CHDB_USER,
      password,
      database: "default",
      place: "embedded",
    } as const;
    return {
      pid: child.pid ?? 0,
      connection,
      ended,
      probe: (probeMs) => probe(connection.url, probeMs),
      requestStop: () => void (child.connected && child.send({ type: "stop" } satisfies ChdbStop, ignoreClosedChannel)),
      kill,
    };
  } catch (error) {
    kill();
    await ended;
    throw error;
  } finally {
    stopping.removeEventListener("abort", kill);
  }
}

function readyPort(child: ChildProcess, ended: Promise<string>, start: ChdbStart, timeoutMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void =>
      reject(new MillraceError("SINK_UNAVAILABLE", `the embedded ClickHouse did not start: ${reason}`));
    const timer = setTimeout(() => fail(`no answer in ${timeoutMs} ms`), timeoutMs);
    void ended.then((how) => {
      clearTimeout(timer);
      fail(how);
    });
    child.once("message", (message) => {
      clearTimeout(timer);
      const report = chdbReportSchema.safeParse(message);
      if (report.data?.type === "ready") resolve(report.data.port);
      else fail(report.data?.reason ?? "it answered something else");
    });
    child.send(start, ignoreClosedChannel);
  });
}

/** A message to a process that has just ended: its exit is reported on its own. */
function ignoreClosedChannel(): void {
  // With a callback, send() reports here instead of emitting `error`.
}

function collectLastWords(child: ChildProcess): () => string {
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    text = (text + chunk).slice(-LAST_WORDS_CHARACTERS);
  });
  return () => (text.trim() === "" ? "" : `: ${text.trim()}`);
}

function probe(url: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    // A deadline for the whole exchange, not for silence on the socket: a stopped process accepts and says nothing.
    const signal = AbortSignal.timeout(timeoutMs);
    const request = get(`${url}/ping`, { agent: false, signal }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => void (text += chunk));
      response.once("error", reject);
      response.once("end", () => (response.statusCode === 200 ? resolve() : reject(new Error(text))));
    });
    request.once("error", reject);
  });
}
