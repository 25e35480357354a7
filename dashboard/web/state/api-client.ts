import type { AlarmRule } from "../../../core/alarm-rule.ts";
import type { DeviceType } from "../../../core/device-type.ts";
import type { DeadLetter, QuarantineReason } from "../../../core/derived-records.ts";
import type { FunctionUsage } from "../../../core/function-usage.ts";
import type { RawReading, Series } from "../../../core/history.ts";
import type { PartitionView } from "../../../core/partition-view.ts";
import type { AlarmState, Device, Page } from "../../../core/registry.ts";
import type { QuarantinedMessage } from "../../../core/rejects.ts";
import type { SlowDeviceOrder } from "../../../core/slow-device-order.ts";
import type { SlowDevice } from "../../../core/slow-devices.ts";
import type { Explanation } from "../../../core/why.ts";

/** What the API answered when it was not what was asked for (RFC 9457), or that it could not be reached. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** An error code of the platform, or UNREACHABLE, or UNEXPECTED. */
  readonly code: string;
  readonly remedy: string | null;

  constructor(code: string, detail: string, remedy: string | null) {
    super(detail);
    this.code = code;
    this.remedy = remedy;
  }
}

export interface SessionUser {
  readonly tenant: string;
  readonly name: string;
}

interface Items<T> {
  readonly items: readonly T[];
}

/** The part of the HTTP API that the pages use. Every call rejects with ApiError, or AbortError when its signal aborted. */
export interface ApiClient {
  signIn(credential: { readonly code: string } | { readonly token: string }): Promise<SessionUser>;
  session(): Promise<SessionUser>;
  signOut(): Promise<void>;
  devices(query: { search?: string; after?: string; limit: number }, signal?: AbortSignal): Promise<Page<Device>>;
  device(id: string, signal?: AbortSignal): Promise<Device>;
  latest(device: string, signal?: AbortSignal): Promise<Items<RawReading>>;
  series(query: SeriesRequest, signal?: AbortSignal): Promise<Series>;
  alarms(
    query: { active?: boolean; device?: string; after?: string; limit: number },
    signal?: AbortSignal,
  ): Promise<Page<AlarmState>>;
  whyAlarm(id: string, transition: "raised" | "cleared", signal?: AbortSignal): Promise<Explanation>;
  quarantine(
    query: { device?: string; reason?: QuarantineReason; limit: number },
    signal?: AbortSignal,
  ): Promise<Items<QuarantinedMessage>>;
  deadLetters(query: { device?: string; limit: number }, signal?: AbortSignal): Promise<Items<DeadLetter>>;
  /** Who works on which partition, and how far. */
  partitions(signal?: AbortSignal): Promise<PartitionView>;
  slowDevices(query: { by: SlowDeviceOrder; limit: number }, signal?: AbortSignal): Promise<Items<SlowDevice>>;
  functionUsage(signal?: AbortSignal): Promise<Items<FunctionUsage>>;
  /** Where devices connect to. */
  mqtt(): Promise<{ readonly port: number }>;
  rules(): Promise<Items<AlarmRule>>;
  types(): Promise<Items<DeviceType>>;
}

export interface SeriesRequest {
  readonly device: string;
  readonly metric: string;
  readonly from: number;
  readonly to: number;
  readonly points: number;
}

/** `onSignedOut` is called when any answer says that the session is over. */
export function createApiClient(onSignedOut: () => void): ApiClient {
  async function call<T>(method: string, path: string, body?: object, signal?: AbortSignal): Promise<T> {
    const response = await send(method, path, body, signal);
    if (response.ok) return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
    const error = await problemOf(response);
    if (response.status === 401 && !(method === "POST" && path === "/session")) onSignedOut();
    throw error;
  }
  const get = <T>(path: string, query: object = {}, signal?: AbortSignal) =>
    call<T>("GET", path + queryText(query), undefined, signal);
  return {
    signIn: (credential) => call("POST", "/session", credential),
    session: () => get("/session"),
    signOut: () => call("DELETE", "/session"),
    devices: (query, signal) => get("/devices", query, signal),
    device: (id, signal) => get(`/devices/${encodeURIComponent(id)}`, {}, signal),
    latest: (device, signal) => get("/latest", { device }, signal),
    series: ({ device, ...query }, signal) => get(`/devices/${encodeURIComponent(device)}/series`, query, signal),
    alarms: (query, signal) => get("/alarms", query, signal),
    whyAlarm: (id, transition, signal) => get(`/alarms/${encodeURIComponent(id)}/why`, { transition }, signal),
    quarantine: (query, signal) => get("/quarantine", query, signal),
    deadLetters: (query, signal) => get("/dead-letters", query, signal),
    partitions: (signal) => get("/partitions", {}, signal),
    slowDevices: (query, signal) => get("/slow-devices", query, signal),
    functionUsage: (signal) => get("/functions/usage", {}, signal),
    mqtt: () => get("/mqtt"),
    rules: () => get("/rules"),
    types: () => get("/types"),
  };
}

async function send(method: string, path: string, body?: object, signal?: AbortSignal): Promise<Response> {
  try {
    return await fetch(`/api/v1${path}`, {
      method,
      credentials: "same-origin",
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(
      "UNREACHABLE",
      "The server cannot be reached.",
      "Check that Millrace is running, then try again.",
    );
  }
}

async function problemOf(response: Response): Promise<ApiError> {
  const fallback = new ApiError("UNEXPECTED", `The server answered ${response.status} ${response.statusText}.`, null);
  try {
    const { code, detail, remedy } = (await response.json()) as Record<string, unknown>;
    if (typeof code !== "string" || typeof detail !== "string") return fallback;
    return new ApiError(code, detail, typeof remedy === "string" ? remedy : null);
  } catch {
    // No JSON: something between the browser and the API answered.
    return fallback;
  }
}

function queryText(query: object): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => [name, String(value)]);
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

export function toApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError("UNEXPECTED", String(error), null);
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
