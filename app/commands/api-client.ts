import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { MillraceError, isMillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { LIVE_PATH } from "../../dashboard/live-protocol.ts";
import { notRunning, toAnsweredError, toConnectionError } from "./api-failure.ts";
import type { Config } from "../config.ts";

/** The file in the data directory that tells commands on this machine where the running instance is, and how to speak to it. */
export const INSTANCE_FILE = "instance.json";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface ApiClient {
  readonly url: string;
  /** Path below `/api/v1`. Errors: NOT_RUNNING, TIMED_OUT, and whatever code the API answered with. */
  get<T>(path: string, waitMs?: number): Promise<T>;
  send<T>(method: Exclude<Method, "GET">, path: string, body?: unknown): Promise<T>;
  /** To what the dashboard's browsers are connected to as well. */
  openLive(): WebSocket;
  /** Where the instance takes MQTT. */
  mqttUrl(): Promise<string>;
}

/** Waits before an idempotent request goes again. A start that is still under way, or one busy second, is over by then. */
const RETRY_DELAYS_MS = [200, 1000, 3000];
/** A request that took this long is not repeated: whoever waits has waited enough. */
const RETRY_WITHIN_MS = 10_000;
/** Twice does the same as once. Not DELETE: the second would find nothing, and say so. */
const IDEMPOTENT_POSTS: readonly string[] = ["/apply", "/flush", "/devices/import"];

/** Connects commands to the running instance: `--url` and `--token`, or the one that uses this data directory. */
export function connectApi(
  config: Config,
  explicit: { url?: string | undefined; token?: string | undefined } = {},
): ApiClient {
  const instance = explicit.url === undefined ? readInstance(config) : { url: checkedUrl(explicit.url), token: "" };
  const ask = {
    base: `${instance.url}/api/v1`,
    url: instance.url,
    authorization: `Bearer ${explicit.token ?? instance.token}`,
  };
  const get = <T>(path: string, waitMs = LIMITS.commandAnswerMsMax): Promise<T> =>
    patiently(ask, { method: "GET", path, waitMs });
  return {
    url: instance.url,
    get,
    send: (method, path, body) => patiently(ask, { method, path, body, waitMs: LIMITS.commandAnswerMsMax }),
    openLive: () =>
      new WebSocket(instance.url.replace(/^http/, "ws") + LIVE_PATH, { headers: { authorization: ask.authorization } }),
    async mqttUrl() {
      const { port } = await get<{ port: number }>("/mqtt");
      return `mqtt://${new URL(instance.url).hostname}:${port}`;
    },
  };
}

interface Address {
  readonly base: string;
  readonly url: string;
  readonly authorization: string;
}

interface Question {
  readonly method: Method;
  readonly path: string;
  readonly body?: unknown;
  readonly waitMs: number;
}

async function patiently<T>(address: Address, question: Question): Promise<T> {
  const begun = performance.now();
  for (const waitMs of isIdempotent(question) ? RETRY_DELAYS_MS : []) {
    try {
      return await request<T>(address, question);
    } catch (error) {
      if (!isMillraceError(error, "TIMED_OUT") || performance.now() - begun > RETRY_WITHIN_MS) throw error;
      await delay(waitMs);
    }
  }
  return await request<T>(address, question);
}

function isIdempotent({ method, path }: Question): boolean {
  return method === "POST" ? IDEMPOTENT_POSTS.includes(path) : method !== "DELETE";
}

async function request<T>({ base, url, authorization }: Address, { method, path, body, waitMs }: Question): Promise<T> {
  const failed = (error: unknown): never => {
    throw toConnectionError(error, url);
  };
  const response = await fetch(base + path, {
    method,
    headers: { authorization, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    signal: AbortSignal.timeout(waitMs),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch(failed);
  const text = await response.text().catch(failed);
  const answer = parsed(text);
  if (answer === NO_JSON || !response.ok) {
    throw answer === NO_JSON
      ? notRunning(`what answers at ${url} is no Millrace`)
      : toAnsweredError(answer, response.status);
  }
  // The shapes are those of core, which the API validates on its side.
  return answer as T;
}

const NO_JSON = Symbol("no JSON");

function parsed(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return NO_JSON;
  }
}

function checkedUrl(url: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url.replace(/\/+$/, "");
  throw new MillraceError("INVALID_INPUT", `${url} is no URL`, { remedy: "Write http://HOST:PORT." });
}

function readInstance(config: Config): { url: string; token: string } {
  const file = join(config.data, INSTANCE_FILE);
  const instance = parsed(readInstanceFile(file, config.data));
  if (typeof instance === "object" && instance !== null && "url" in instance && "token" in instance) {
    return { url: String(instance.url), token: String(instance.token) };
  }
  throw notRunning(`${file} is damaged`);
}

/** NOT_RUNNING without it; NOT_AUTHORIZED when it belongs to another user, whose instance may well run. */
function readInstanceFile(file: string, data: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "EACCES" || code === "EPERM") {
      throw new MillraceError("NOT_AUTHORIZED", `this user may not read ${file}`, {
        cause,
        remedy: "Run the command as the user that runs Millrace, or name the instance with --url and --token.",
      });
    }
    const remedy =
      "Start it (millrace start), name its data directory with --data or MILLRACE_DATA, or another instance with --url and --token.";
    throw notRunning(`no Millrace is running on the data directory ${data}`, { cause, remedy });
  }
}
