import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { LIVE_PATH } from "../../dashboard/live-protocol.ts";
import { startInstance, temporaryDirectory } from "../support/instance.ts";
import { CONNACK_ACCEPTED, openRaw, rawConnect, rawPublish } from "../support/raw-mqtt.ts";
import { findEarlyOutputs } from "../support/strace-durability.ts";
import { parseStraceLog } from "../support/strace-log.ts";
import type { AddressInfo } from "node:net";
import type { AlarmEvent } from "../../core/derived-records.ts";
import type { Instance } from "../support/instance.ts";
import type { DurabilityFindings } from "../support/strace-durability.ts";

/**
 * What kill -9 cannot show, because the page cache survives it: that the bytes were on disk before anybody was told. The trace of a
 * running instance shows the order of its reads, writes and syncs.
 */
const UNSYNCED = fileURLToPath(new URL("../support/start-unsynced.ts", import.meta.url));
const CALLS = "openat,read,recvfrom,recvmsg,write,writev,pwrite64,pwritev,sendto,sendmsg,fdatasync,fsync";
const STRACE = ["strace", "-f", "--seccomp-bpf", "-yy", "-xx", "-s", "1048576", "-e", `trace=${CALLS}`];
const withoutStrace = spawnSync("strace", ["-V"]).status !== 0;
const withoutChdb = !canResolve("chdb");

const ONE_BY_ONE = 12;
const PIPELINED = 60;
const ALARM_ABOVE = 7_700_000 + ONE_BY_ONE / 2;
const RULE = {
  id: "level-high",
  name: "Level high",
  severity: "high",
  condition: { kind: "threshold", metric: "level", op: ">", value: ALARM_ABOVE },
};

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

test.skipIf(withoutStrace)(
  "no PUBACK, no frame to a browser and no webhook leaves before the sync that covers its record has returned (needs strace)",
  async () => {
    const { acknowledgements, outputs, violations } = await traceMessages(["--no-clickhouse"]);
    expect(violations).toEqual([]);
    expect(acknowledgements).toBe(ONE_BY_ONE + PIPELINED);
    expect(count(outputs, /^TCP:.*:http/)).toBeGreaterThanOrEqual(ONE_BY_ONE + PIPELINED);
    expect(count(outputs, /^TCP:.*:webhook/)).toBeGreaterThanOrEqual(1);
  },
);

test.skipIf(withoutStrace || withoutChdb)(
  "no row goes to ClickHouse before the sync that covers its record has returned (needs strace and chdb)",
  async () => {
    const { acknowledgements, outputs, violations } = await traceMessages([]);
    expect(violations).toEqual([]);
    expect(acknowledgements).toBe(ONE_BY_ONE + PIPELINED);
    expect(count(outputs, /^(?!TCP:.*:(http|webhook)).*$/)).toBeGreaterThanOrEqual(ONE_BY_ONE + PIPELINED);
  },
);

test.skipIf(withoutStrace)(
  "an instance that leaves the syncs out is found out, message by message (needs strace)",
  async () => {
    const { acknowledgements, violations } = await traceMessages([], UNSYNCED);
    expect(acknowledgements).toBe(ONE_BY_ONE + PIPELINED);
    expect(violations.filter((text) => text.startsWith("PUBACK")).length).toBe(acknowledgements);
    expect(violations.some((text) => text.includes("went to TCP:"))).toBe(true);
  },
);

/** Runs an instance under strace, publishes marked messages, waits until each has come out everywhere, and judges the trace. */
async function traceMessages(flags: readonly string[], script?: string): Promise<DurabilityFindings> {
  const directory = temporaryDirectory();
  cleanups.push(() => directory.dispose());
  const data = join(directory.path, "data");
  const trace = join(directory.path, "trace");
  const webhook = await receiveWebhooks();
  const instance = await startInstance({
    data,
    flags: ["--webhook-url", webhook.url, ...flags],
    under: [...STRACE, "-o", trace],
    ...(script === undefined ? {} : { script }),
  });
  cleanups.push(() => instance.kill());
  await send(instance, "/apply", { types: [], rules: [RULE], devices: [] });
  const browser = await watchDevice(instance);
  const marks = await publishMarked(instance);
  await browser.sees(marks);
  const alarm = await webhook.received;
  if (!flags.includes("--no-clickhouse") && script === undefined) await storedReadings(instance, marks.length);
  browser.close();
  await instance.stop();
  const calls = parseStraceLog(readFileSync(trace, "utf8").split("\n"));
  const ports = { http: new URL(instance.httpUrl).port, webhook: new URL(webhook.url).port };
  const findings = findEarlyOutputs(calls, {
    logFile: join(data, "log", "log.mdb"),
    mqttPort: Number(new URL(instance.ready.mqtt).port),
    marks: [...marks, alarm.id],
  });
  return { ...findings, outputs: nameTargets(findings.outputs, ports) };
}

/** Writes `http` and `webhook` for their ports. */
function nameTargets(
  outputs: ReadonlyMap<string, number>,
  ports: Readonly<Record<string, string>>,
): Map<string, number> {
  return new Map(
    [...outputs].map(([target, n]) => {
      const named = Object.entries(ports).map(([name, port]) =>
        target.replace(new RegExp(`:${port}(?!\\d)`), `:${name}`),
      );
      return [named.find((text) => text !== target) ?? target, n];
    }),
  );
}

function count(outputs: ReadonlyMap<string, number>, target: RegExp): number {
  return [...outputs].reduce((sum, [name, n]) => sum + (target.test(name) ? n : 0), 0);
}

/**
 * The payloads spell the mark's first letter as an escape, so that the mark as it is stands only in what was made of the message:
 * readings are records of their own, which must be durable before they leave.
 */
async function publishMarked(instance: Instance): Promise<readonly string[]> {
  const { port } = new URL(instance.ready.mqtt);
  const marks: string[] = [];
  const next = (peer: string): Buffer => {
    const number = marks.length;
    marks.push(`mark-${peer}-${number}-of-this-test`);
    const payload = `{"mark":"\\u006dark-${peer}-${number}-of-this-test","level":${7_700_000 + number}}`;
    return rawPublish("v1/devices/me/telemetry", payload, number + 1);
  };
  const peers = [];
  for (const clientId of ["a", "b"]) {
    const peer = await openRaw(Number(port));
    peer.send(rawConnect({ clientId, rest: [instance.ready.device, instance.ready.token] }));
    await peer.receive((hex) => hex.startsWith(CONNACK_ACCEPTED));
    peers.push({ clientId, peer });
  }
  const [first, second] = peers;
  if (first === undefined || second === undefined) throw new Error("two connections were opened");
  for (let sent = 0; sent < ONE_BY_ONE; sent += 1) {
    first.peer.send(next("single"));
    await first.peer.receive((hex) => hex.length === CONNACK_ACCEPTED.length + 8 * (sent + 1));
  }
  const half = PIPELINED / 2;
  for (const { clientId, peer } of peers) {
    const frames = Array.from({ length: half }, () => next(clientId));
    for (const frame of frames.slice(0, half / 2)) peer.send(frame);
    peer.send(...frames.slice(half / 2));
  }
  await first.peer.receive((hex) => hex.length === CONNACK_ACCEPTED.length + 8 * (ONE_BY_ONE + half));
  await second.peer.receive((hex) => hex.length === CONNACK_ACCEPTED.length + 8 * half);
  for (const { peer } of peers) peer.socket.destroy();
  return marks;
}

async function watchDevice(instance: Instance) {
  const url = `${instance.httpUrl.replace("http", "ws")}${LIVE_PATH}`;
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${instance.ready.adminToken}` } });
  let seen = "";
  const watching = Promise.withResolvers<void>();
  socket.on("error", (error) => watching.reject(error));
  socket.on("open", () => {
    const { device } = instance.ready;
    socket.send(JSON.stringify({ type: "watch", id: 1, overview: false, alarms: true, devices: [device], device }));
  });
  socket.on("message", (bytes: Buffer) => {
    const text = bytes.toString();
    if (text.startsWith('{"type":"watching"')) watching.resolve();
    seen += text;
  });
  await watching.promise;
  return {
    sees: (marks: readonly string[]) => eventually(() => Promise.resolve(marks.every((mark) => seen.includes(mark)))),
    close: () => socket.terminate(),
  };
}

async function receiveWebhooks() {
  const received = Promise.withResolvers<AlarmEvent>();
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      response.end();
      const message: { alarm?: AlarmEvent } = JSON.parse(body);
      if (message.alarm !== undefined) received.resolve(message.alarm);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/alarms`, received: received.promise };
}

async function send(instance: Instance, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${instance.httpUrl}/api/v1${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${instance.ready.adminToken}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  return await response.json();
}

async function storedReadings(instance: Instance, messages: number): Promise<void> {
  await eventually(async () => {
    const query = `/devices/${instance.ready.device}/readings?from=${Date.now() - 3_600_000}&to=${Date.now() + 60_000}&limit=1000`;
    // Under strace the tables come late.
    const rows = JSON.stringify(await send(instance, query).catch(() => null));
    return rows.split('"metric":"mark"').length > messages;
  });
}

async function eventually(isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error("it did not come to pass within two minutes");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function canResolve(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    // Not installed: it is an optional package.
    return false;
  }
}
