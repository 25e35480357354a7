import { createServer, type IncomingHttpHeaders } from "node:http";
import { once } from "node:events";
import { WebSocket } from "ws";
import { systemClock } from "../../core/clock.ts";
import type { AlarmEvent, DeviceEvent, Reading } from "../../core/derived-records.ts";
import type { MillraceError } from "../../core/errors.ts";
import type { LogReader } from "../../core/event-log.ts";
import { deviceKey } from "../../core/ids.ts";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import type { Overview } from "../../core/overview.ts";
import type { Principal } from "../../core/registry.ts";
import { HEADER, type Header } from "../../core/record.ts";
import { createHub, type HubOptions } from "../../dashboard/hub.ts";
import type { ServerMessage, WatchMessage } from "../../dashboard/live-protocol.ts";
import { createMemoryEventLog } from "./memory-event-log.ts";

type MessageOf<Type extends ServerMessage["type"]> = Extract<ServerMessage, { type: Type }>;

/** A browser for tests: keeps what it got, and waits for what should come. */
export interface LiveClient {
  readonly socket: WebSocket;
  readonly messages: readonly ServerMessage[];
  watch(want: Partial<WatchMessage>): void;
  /** The first message of that type, had or to come, that fits. */
  next<Type extends ServerMessage["type"]>(
    type: Type,
    fits?: (message: MessageOf<Type>) => boolean,
  ): Promise<MessageOf<Type>>;
  closed(): Promise<number>;
}

/** A hub on a port of its own over an in-memory log. The `authorization` header names the tenant; `authenticate` may be replaced. */
export async function startHubHarness(options: Partial<HubOptions> = {}) {
  const log = createMemoryEventLog({ partitionCount: 2 });
  const reads: { failure: MillraceError | null } = { failure: null };
  const metrics = createMetrics();
  const hub = createHub({
    log: { status: () => log.status(), openReader: (from) => withFailures(log.openReader(from), reads) },
    overview: async () => makeOverview(Date.now()),
    authenticate: async (headers) => adminOf(headers),
    clock: systemClock,
    logger: silentLogger,
    metrics,
    ...options,
  });
  const server = createServer();
  server.on("upgrade", (request, socket, head) => hub.handleUpgrade(request, socket, head));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const clients: WebSocket[] = [];

  const open = (headers: Record<string, string> = {}, path = "/live") => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { authorization: "acme", ...headers } });
    clients.push(socket);
    return socket;
  };
  const write = (topic: string, key: string, value: object, headers: readonly Header[] = []) =>
    log.append(topic, 0, [
      { timestamp: Date.now(), key, value: new TextEncoder().encode(JSON.stringify(value)), headers },
    ]);

  return {
    hub,
    log,
    /** While `failure` is set, every poll rejects with it. */
    reads,
    port,
    metric: (name: string) => metrics.snapshot().find((sample) => sample.name === name)?.value ?? 0,
    writeReading: (reading: Partial<Reading> & Pick<Reading, "device" | "ts" | "metrics">, madeBy?: string) => {
      const full: Reading = { v: 1, tenant: "acme", received: reading.ts, ...reading };
      const headers: readonly Header[] = madeBy === undefined ? [] : [[HEADER.functionVersion, madeBy]];
      return write("readings", deviceKey(full.tenant, full.device), full, headers);
    },
    writeRemoval: (device: string, received: number) => {
      const event: DeviceEvent = { v: 1, tenant: "acme", device, kind: "removed", ts: received, received, detail: "" };
      return write("device-events", deviceKey("acme", device), event);
    },
    writeAlarm: (event: AlarmEvent) => write("alarms", deviceKey(event.tenant, event.device), event),
    async connect(headers?: Record<string, string>): Promise<LiveClient> {
      const client = createLiveClient(open(headers));
      await client.next("hello");
      return client;
    },
    /** The status and problem code with which an upgrade is refused. */
    async refused(headers?: Record<string, string>, path?: string): Promise<{ status: number; code: string }> {
      const socket = open(headers, path);
      return new Promise((resolve, reject) => {
        socket.on("open", () => reject(new Error("the upgrade was accepted")));
        socket.on("error", reject);
        socket.on("unexpected-response", (_, response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("end", () => {
            const { code } = JSON.parse(Buffer.concat(chunks).toString()) as { code: string };
            resolve({ status: response.statusCode ?? 0, code });
          });
        });
      });
    },
    async stop() {
      await hub.stop(AbortSignal.timeout(2000));
      for (const socket of clients) socket.terminate();
      server.close();
      await once(server, "close");
    },
  };
}

export type HubHarness = Awaited<ReturnType<typeof startHubHarness>>;

function withFailures(reader: LogReader, reads: { readonly failure: MillraceError | null }): LogReader {
  return {
    poll: (options) => (reads.failure === null ? reader.poll(options) : Promise.reject(reads.failure)),
    seek: (positions) => reader.seek(positions),
    close: () => reader.close(),
  };
}

function adminOf({ authorization }: IncomingHttpHeaders): Principal | null {
  return authorization === undefined ? null : { kind: "admin", tenant: authorization, id: "tester" };
}

function createLiveClient(socket: WebSocket): LiveClient {
  const messages: ServerMessage[] = [];
  const waiting = new Set<() => void>();
  let watchId = 0;
  socket.on("message", (data: Buffer) => {
    messages.push(JSON.parse(data.toString()) as ServerMessage);
    for (const check of waiting) check();
  });
  return {
    socket,
    messages,
    watch(want) {
      watchId += 1;
      socket.send(
        JSON.stringify({
          type: "watch",
          id: watchId,
          overview: false,
          alarms: false,
          devices: [],
          device: null,
          ...want,
        }),
      );
    },
    next: (type, fits = () => true) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(check);
          reject(new Error(`no ${type} came; had ${messages.map((message) => message.type).join(", ")}`));
        }, 5000);
        const check = () => {
          for (const message of messages) {
            if (!isType(message, type) || !fits(message)) continue;
            clearTimeout(timer);
            waiting.delete(check);
            resolve(message);
            return;
          }
        };
        waiting.add(check);
        check();
      }),
    closed: async () => {
      if (socket.readyState === WebSocket.CLOSED) throw new Error("it was closed already");
      const [code] = (await once(socket, "close")) as [number];
      return code;
    },
  };
}

function isType<Type extends ServerMessage["type"]>(message: ServerMessage, type: Type): message is MessageOf<Type> {
  return message.type === type;
}

export function makeOverview(at: number): Overview {
  const messages = {
    admitted: 9,
    processed: 9,
    duplicate: 0,
    quarantined: 0,
    deadLettered: 0,
    expired: 0,
    corrupt: 0,
    inFlight: 0,
    difference: 0,
  };
  const values = { produced: 9, stored: 9, filtered: 0, quarantined: 0, inFlight: 0, difference: 0, checked: true };
  return {
    at,
    hops: [{ name: "in", ratePerSecond: 5, lag: 0, state: "ok" }],
    ledger: { messages, values, late: { dropped: 0, forAlarm: 0 } },
    devices: { total: 1, reporting: 1, silent: 0 },
    alarms: { active: 0, total: 0 },
    functions: { deadLetters: 0 },
    faults: [],
  };
}
