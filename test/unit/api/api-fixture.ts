import { MillraceError } from "../../../core/errors.ts";
import { createReplaysDouble } from "../../support/replays-double.ts";
import type { ApiOptions } from "../../../api/api-options.ts";
import { createApi } from "../../../api/api.ts";
import { createSignInCodes } from "../../../api/sign-in-codes.ts";
import { systemClock } from "../../../core/clock.ts";
import { noOutcomes } from "../../../core/ledger.ts";
import type { HistoryQueries } from "../../../core/history.ts";
import { silentLogger } from "../../../core/logger.ts";
import type { LedgerReport, Overview } from "../../../core/overview.ts";
import type { ControlRecord } from "../../../core/control.ts";
import type { Registry } from "../../../core/registry.ts";
import { openRegistry } from "../../../registry/open-registry.ts";
import { registryPlace } from "../../support/registry-place.ts";

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed body, for assertions; undefined when it is empty. */
  readonly body: unknown;
  readonly text: string;
}

export interface ApiCall {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is, without a credential unless `headers` has one. */
  readonly raw?: string;
}

interface FixtureOptions {
  /** False: control records stay in the outbox. */
  readonly relay?: boolean;
  /** Stands between API and registry. */
  readonly wrap?: (registry: Registry) => Registry;
}

/** A real API on a real registry (see registryPlace), and a relay that takes control records out of its outbox. */
export async function startApi(overrides: Partial<ApiOptions> & FixtureOptions = {}) {
  const place = await registryPlace();
  const registry = await openRegistry({
    ...place.at,
    clock: systemClock,
    secret: Buffer.alloc(32, 7),
    logger: silentLogger,
  });
  const token = await registry.credentials.issueAdminToken("first", "test");
  const relay = startRelay(registry);
  if (overrides.relay === false) relay.stop();
  const signInCodes = createSignInCodes(systemClock);
  const api = createApi({
    listen: { host: "127.0.0.1", port: 0 },
    registry: overrides.wrap?.(registry) ?? registry,
    history: null,
    rejects: null,
    why: { explain: () => Promise.reject(new MillraceError("NOT_FOUND", "nothing is there")) },
    whyJoined: { explain: () => Promise.reject(new MillraceError("NOT_FOUND", "nothing is there")) },
    replays: createReplaysDouble(),
    deadLetters: null,
    edge: { status: async () => ({ port: 1883, connections: 2 }), connectedOf: async (keys) => keys.slice(0, 1) },
    functionUsage: async () => [],
    slowDevices: async () => [],
    overview: async () => overview,
    ledger: async () => ledger,
    partitions: async () => ({ at: 1, consumers: [] }),
    outlineFunctions: async () => [],
    shadow: { ofCode: async () => [], ofVersions: () => Promise.reject(new Error("no versions here")) },
    canaryCounts: async () => new Map(),
    audit: async () => ({ at: 1, ledger, devices: 1, mismatches: [], storedOnce: null, balanced: true }),
    metrics: async () => [],
    health: { notReadyReasons: () => [], faults: () => [] },
    pagesDirectory: null,
    signInCodes,
    clock: systemClock,
    logger: silentLogger,
    ...overrides,
  });
  await api.start();
  const { url } = api.address;
  return {
    api,
    url,
    token,
    registry,
    signInCodes,
    controls: relay.controls,
    call: (method: string, path: string, call: ApiCall = {}) => send(url, token, method, path, call),
    close: async () => {
      await api.stop(AbortSignal.timeout(2000));
      relay.stop();
      await registry.close();
      await place.dispose();
    },
  };
}

async function send(url: string, token: string, method: string, path: string, call: ApiCall): Promise<ApiAnswer> {
  const headers = new Headers(call.headers);
  const credential = headers.has("authorization") || headers.has("cookie") || call.raw !== undefined;
  if (!credential) headers.set("authorization", `Bearer ${token}`);
  const text = call.raw ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
  if (text !== undefined && !headers.has("content-type")) headers.set("content-type", "application/json");
  const response = await fetch(`${url}${path}`, {
    method,
    headers,
    redirect: "manual",
    ...(text === undefined ? {} : { body: text }),
  });
  const answered = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  const body: unknown = isJson && answered !== "" ? JSON.parse(answered) : undefined;
  return { status: response.status, headers: response.headers, body, text: answered };
}

/** What app does with the log behind it: takes control records in order and says that they are in. */
function startRelay(registry: Registry) {
  const controls: ControlRecord[] = [];
  const take = async (): Promise<void> => {
    for (const { sequence, control } of await registry.controlOutbox.pending(100)) {
      if (stopped) return;
      controls.push(control);
      await registry.controlOutbox.markSent(sequence);
    }
  };
  let taking: Promise<void> | null = null;
  const timer = setInterval(() => {
    // One look at a time: two would find the same records.
    taking ??= take().finally(() => (taking = null));
  }, 10);
  let stopped = false;
  return {
    controls,
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}

const { processed, duplicate, quarantined, deadLettered, expired, corrupt } = noOutcomes();

export const ledger: LedgerReport = {
  messages: {
    processed,
    duplicate,
    quarantined,
    deadLettered,
    expired,
    corrupt,
    admitted: 3,
    inFlight: 3,
    difference: 0,
  },
  values: { produced: 0, stored: 0, filtered: 0, quarantined: 0, inFlight: 0, difference: 0, checked: false },
  late: { dropped: 0, forAlarm: 0 },
};

export const overview: Overview = {
  at: 1,
  hops: [{ name: "in", ratePerSecond: 1.5, lag: 0, state: "ok" }],
  ledger,
  devices: { total: 1, reporting: 1, silent: 0 },
  alarms: { active: 0, total: 0 },
  functions: { deadLetters: 0 },
  faults: [{ id: "disk", since: 1, text: "The disk is nearly full." }],
};

/** Answers with what it was asked, so that a test sees the question. */
export function echoHistory(asked: object[]): HistoryQueries {
  return {
    async series(query) {
      asked.push(query);
      return { points: [{ ts: query.from, value: 1.5, min: 1, max: 2, count: 2 }], bucketMs: 1000 };
    },
    async readings(query) {
      asked.push(query);
      return [{ ts: query.from, metric: "t", value: "9007199254740993" }];
    },
    async aggregates(query) {
      asked.push(query);
      const { tenant, device, from: start, sizeMs: size } = query;
      const numbers = { count: 1, sum: 1, min: 1, max: 1, mean: 1, first: 1, last: 1 };
      return [{ v: 1, tenant, device, metric: query.metric ?? "t", start, size, revision: 0, ...numbers }];
    },
    async latest(tenant, device) {
      asked.push(device === undefined ? { tenant } : { tenant, device });
      return [{ device: device ?? "d1", ts: 5, metric: "t", value: 20.5 }];
    },
    async stored() {
      throw new Error("the API does not ask for this");
    },
  };
}
