import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runMillraceAsync, startInstance, temporaryDirectory } from "../support/instance.ts";
import type { AddressInfo } from "node:net";
import type { CommandResult, Instance } from "../support/instance.ts";

/** What sends and ends recordings, as a person types it: simulate and flush, with an instance that is far away or busy. */
let directory: ReturnType<typeof temporaryDirectory>;
let instance: Instance;
beforeAll(async () => {
  directory = temporaryDirectory();
  instance = await startInstance({ data: join(directory.path, "data"), flags: ["--no-clickhouse"] });
});
afterAll(async () => {
  await instance.stop();
  directory.dispose();
});

const millrace = (...args: readonly string[]): Promise<CommandResult> =>
  runMillraceAsync(args, { MILLRACE_DATA: join(directory.path, "data") });

/** Runs it, wants it to succeed silently on standard error, and gives what it printed. */
async function prints(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await millrace(...args);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return stdout;
}

async function printsJson<T>(...args: readonly string[]): Promise<T> {
  const text = await prints(...args, "--json");
  expect(text.trim()).not.toContain("\n");
  const value: T = JSON.parse(text);
  return value;
}

/** Runs it, wants one sentence of failure, and gives it. */
async function fails(...args: readonly string[]): Promise<string> {
  return failsWith(1, args);
}

/** The same for what cannot be asked in this way. */
async function isRefused(...args: readonly string[]): Promise<string> {
  return failsWith(2, args);
}

async function failsWith(expected: number, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await millrace(...args);
  expect(stdout).toBe("");
  expect(stderr.trim()).toMatch(/^millrace: [^\n]+[^\s.]\.$/);
  expect(code).toBe(expected);
  return stderr.trim();
}

function file(name: string, text: string): string {
  const path = join(directory.path, name);
  writeFileSync(path, text);
  return path;
}

test("simulate refuses what cannot be, before it registers a device", async () => {
  expect(await isRefused("simulate", "--devices", "0")).toContain("--devices 0 is not a whole number above 0");
  expect(await isRefused("simulate", "--rate", "fast")).toContain("--rate fast is not a number above 0");
  expect(await isRefused("simulate", "--without", "gravity")).toMatch(/no feature gravity\. Name any of daily-curve/);
  const nobody = await fails("simulate", "--mqtt", "mqtt://127.0.0.1:1", "--messages", "1");
  expect(nobody).toMatch(/nobody listens at mqtt:\/\/127\.0\.0\.1:1: .*Name the broker with --mqtt\.$/);
  expect(await isRefused("simulate", "--mqtt", "nonsense")).toContain("Write mqtt://HOST:PORT.");
  expect(await isRefused("simulate", "--replay", "absent.csv")).toContain("--replay needs --map");
  expect(await isRefused("simulate", "--map", "campusiot")).toMatch(
    /no --replay names one\. See millrace simulate --help/,
  );
  expect(await fails("simulate", "--replay", "absent.csv", "--map", "campusiot")).toContain("cannot read absent.csv");
});

test("simulate asks the instance for its broker, and leaves alone a device that is connected", async () => {
  const elsewhere = ["--data", join(directory.path, "nowhere"), "--url", instance.httpUrl];
  const admin = ["--token", instance.ready.adminToken ?? ""];
  const fleet = ["simulate", "--prefix", "far-", "--devices", "1", "--messages", "2", "--rate", "100"];
  expect(await prints(...fleet, ...elsewhere, ...admin)).toMatch(/^2 of 2 messages acknowledged/);
  const { token } = await printsJson<{ token: string }>("devices", "rotate", "far-cold-room-01");
  const client = await connectAsync(instance.ready.mqtt, { username: "far-cold-room-01", password: token });
  expect(await fails(...fleet)).toMatch(/^millrace: far-cold-room-01 is connected already\. .* --prefix\.$/);
  await client.endAsync();
});

test("simulate says which broker did not accept its devices", async () => {
  const other = temporaryDirectory();
  const stranger = await startInstance({ data: join(other.path, "data"), flags: ["--no-clickhouse"] });
  try {
    const said = await fails("simulate", "--prefix", "lost-", "--devices", "1", "--mqtt", stranger.ready.mqtt);
    expect(said).toContain(`millrace: ${stranger.ready.mqtt}: `);
  } finally {
    await stranger.stop();
    other.dispose();
  }
});

test("a replay of a recent file flushes its own devices only, and not into the future", async () => {
  const last = Date.now();
  await using proxy = await startProxy(instance.httpUrl);
  const done = await printsJson<object>("simulate", ...recentFile(last), ...proxy.flags);
  expect(done).toMatchObject({ acknowledged: 3, lastTime: last, flushed: true });
  const [flush] = proxy.bodiesOf("/api/v1/flush");
  expect(flush).toEqual({ upTo: expect.any(Number), devices: ["recent-1", "recent-2"] });
  const { upTo }: { upTo: number } = JSON.parse(JSON.stringify(flush));
  expect(upTo).toBeGreaterThanOrEqual(last);
  expect(upTo).toBeLessThanOrEqual(Date.now());
});

test("a replay whose flush fails prints what was acknowledged, and the command that makes up for it", async () => {
  await using proxy = await startProxy(instance.httpUrl, { broken: "/api/v1/flush" });
  const { code, stdout, stderr } = await millrace("simulate", ...recentFile(Date.now()), ...proxy.flags);
  expect(stdout).toMatch(/^3 of 3 messages acknowledged \(0 sent again\) from 2 devices; 0 rows/);
  expect(stderr).toMatch(/their windows are still open: the instance at \S+ is busy: .* millrace flush --up-to \d+ /);
  expect(code).toBe(1);
  // Once, and three times more.
  expect(proxy.bodiesOf("/api/v1/flush")).toHaveLength(4);
  const [, command = ""] = /millrace (flush --up-to \d+ recent-1 recent-2)\.$/.exec(stderr.trim()) ?? [];
  expect(await prints(...command.split(" "))).toMatch(/^Flushed 2 devices up to /);
});

test("what is not idempotent is not sent again, and a reset is no missing instance", async () => {
  await using proxy = await startProxy(instance.httpUrl, { broken: "/api/v1/devices" });
  expect(await fails("devices", "add", "once-only", ...proxy.flags)).toMatch(/is busy: .*Try again/);
  expect(proxy.bodiesOf("/api/v1/devices")).toHaveLength(1);
  expect(await fails("audit", "--url", "http://127.0.0.1:2", "--token", "x")).toMatch(/nothing answers at .* Start it/);
});

test("flush takes devices or --all, an ISO time or milliseconds that have passed, and nothing else", async () => {
  await prints("devices", "add", "flushed-1");
  const upTo = 1767225600000;
  expect(await prints("flush", "flushed-1", "--up-to", "2026-01-01T00:00:00Z")).toBe(
    "Flushed 1 device up to 2026-01-01T00:00:00.000Z.\n",
  );
  expect(await printsJson("flush", "--up-to", String(upTo), "flushed-1")).toEqual({ upTo, devices: ["flushed-1"] });
  expect(await prints("flush", "--all", "--up-to", String(upTo))).toMatch(/^Flushed every device up to /);
  expect(await isRefused("flush", "--up-to", String(upTo))).toContain(
    "no device is named. Name the devices of the file",
  );
  expect(await isRefused("flush", "flushed-1", "--all", "--up-to", String(upTo))).toContain(
    "names every device already",
  );
  expect(await isRefused("flush", "--all", "--up-to", "yesterday")).toContain(
    "yesterday is not a time. Write 2026-01-31",
  );
  expect(await isRefused("flush", "--all", "--up-to", String(Date.now() + 86_400_000))).toContain("in the future");
  expect(await fails("flush", "nobody", "--up-to", String(upTo))).toContain("See millrace devices list.");
  expect(await prints("flush", "--help")).toContain("counts as late when its time is before --up-to");
});

/** Three messages of two devices, the newest at `last`. */
function recentFile(last: number): readonly string[] {
  const csv = file("recent.csv", `id,time,t\nrecent-1,${last - 60_000},1\nrecent-1,${last},2\nrecent-2,${last},3\n`);
  return ["--replay", csv, "--map", "device=id; ts=time; metric t"];
}

interface Proxy extends AsyncDisposable {
  /** For commands that are to go through it. */
  readonly flags: readonly string[];
  bodiesOf(path: string): readonly unknown[];
}

/** Passes on what it is sent, and breaks off each request of one path. */
async function startProxy(target: string, { broken = "" } = {}): Promise<Proxy> {
  const seen: { readonly path: string; readonly body: unknown }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      const { url: path = "", method = "GET" } = request;
      seen.push({ path, body: text === "" ? null : JSON.parse(text) });
      if (path === broken) {
        request.socket.resetAndDestroy();
        return;
      }
      const headers = { authorization: request.headers.authorization ?? "", "content-type": "application/json" };
      void fetch(target + path, { method, headers, ...(text === "" ? {} : { body: text }) }).then(async (answer) => {
        response.writeHead(answer.status, { "content-type": "application/json" });
        response.end(await answer.text());
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    flags: ["--url", `http://127.0.0.1:${port}`, "--token", instance.ready.adminToken ?? ""],
    bodiesOf: (path) => seen.filter((request) => request.path === path).map(({ body }) => body),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
