import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ERROR_CODES, MillraceError, errorText } from "../../core/errors.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type { Config } from "../config.ts";

/** The file in the data directory that tells commands on this machine where the running instance is, and how to speak to it. */
export const INSTANCE_FILE = "instance.json";

export interface ApiClient {
  readonly url: string;
  /** Where the instance takes MQTT; null when only its API was named. */
  readonly mqttUrl: string | null;
  /** Path below `/api/v1`. Errors: NOT_RUNNING, and whatever code the API answered with. */
  get<T>(path: string): Promise<T>;
  send<T>(method: "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T>;
}

/** Connects commands to the running instance: `--url` and `--token`, or the one that uses this data directory. */
export function connectApi(
  config: Config,
  explicit: { url?: string | undefined; token?: string | undefined } = {},
): ApiClient {
  if (explicit.url !== undefined && !URL.canParse(explicit.url)) {
    throw new MillraceError("INVALID_INPUT", `${explicit.url} is no URL`, { remedy: "Write http://HOST:PORT." });
  }
  const instance = explicit.url === undefined ? readInstance(config) : { url: explicit.url, token: "", mqtt: null };
  const token = explicit.token ?? instance.token;
  const request = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${instance.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch((error: unknown) => {
      // fetch hides what happened in the cause.
      const reason = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      throw notRunning(`nothing answers at ${instance.url}: ${errorText(reason)}`, error);
    });
    const text = await response.text();
    const answer: unknown = text === "" ? undefined : JSON.parse(text);
    if (!response.ok) throw problemError(answer, response.status);
    // The shapes are those of core, which the API validates on its side.
    return answer as T;
  };
  return { url: instance.url, mqttUrl: instance.mqtt, get: (path) => request("GET", path), send: request };
}

function readInstance(config: Config): { url: string; token: string; mqtt: string } {
  const file = join(config.data, INSTANCE_FILE);
  if (!existsSync(file)) throw notRunning(`no Millrace is running on the data directory ${config.data}`);
  const instance: unknown = JSON.parse(readFileSync(file, "utf8"));
  if (
    typeof instance === "object" &&
    instance !== null &&
    "url" in instance &&
    "token" in instance &&
    "mqtt" in instance
  ) {
    return { url: String(instance.url), token: String(instance.token), mqtt: String(instance.mqtt) };
  }
  throw notRunning(`${file} is damaged`);
}

function notRunning(message: string, cause?: unknown): MillraceError {
  return new MillraceError("NOT_RUNNING", message, {
    cause,
    remedy: "Start it (millrace start), or name another with --url and --token.",
  });
}

function problemError(problem: unknown, status: number): MillraceError {
  const field = (name: string): string | undefined => {
    if (typeof problem !== "object" || problem === null) return undefined;
    const value: unknown = Reflect.get(problem, name);
    return typeof value === "string" ? value : undefined;
  };
  const code = field("code");
  const remedy = code === "NOT_AUTHENTICATED" ? "Give the admin token with --token." : field("remedy");
  const known: ErrorCode =
    code !== undefined && Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : "INVALID_INPUT";
  return new MillraceError(
    known,
    field("detail") ?? `the API answered ${status}`,
    remedy === undefined ? {} : { remedy },
  );
}
