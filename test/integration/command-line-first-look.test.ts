import { spawn, spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FREE_PORTS } from "../support/free-port.ts";
import { runMillraceAsync, temporaryDirectory } from "../support/instance.ts";
import type { ChildProcess } from "node:child_process";

/** What `millrace start` prints for people, with its two lines pasted into a shell, and the readings that they leave. */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const withoutChdb = !isInstalled("chdb");
const withoutMosquitto = spawnSync("mosquitto_pub", ["--help"]).error !== undefined;

let directory: ReturnType<typeof temporaryDirectory>;
let child: ChildProcess;
let banner = "";
beforeAll(async () => {
  directory = temporaryDirectory();
  const flags = [...FREE_PORTS, ...(withoutChdb ? ["--no-clickhouse"] : [])];
  child = spawn(process.execPath, ["bin/millrace.js", "start", "--data", join(directory.path, "data"), ...flags], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "ignore"],
  });
  child.stdout?.on("data", (chunk: Buffer) => (banner += chunk.toString()));
  await until(() => banner.includes("Ctrl-C stops it"));
});
afterAll(async () => {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
  directory.dispose();
});

const millrace = (...args: readonly string[]) =>
  runMillraceAsync(args, { MILLRACE_DATA: join(directory.path, "data") });

/** A printed line that begins like this, run by a shell in this folder, with the PATH that a person's terminal has. */
function paste(beginning: string): { status: number | null; output: string } {
  const line = banner.split("\n").find((text) => text.trim().startsWith(beginning));
  if (line === undefined) throw new Error(`the banner has no line with ${beginning}`);
  const PATH = (process.env["PATH"] ?? "").split(":").filter((folder) => !folder.includes("node_modules"));
  const { status, stdout, stderr } = spawnSync("sh", ["-c", line], {
    cwd: ROOT,
    encoding: "utf8",
    timeout: 30_000,
    env: { ...process.env, PATH: PATH.join(":") },
  });
  return { status, output: stdout + stderr };
}

test("the banner says that it is ready, where, and the admin token this once", () => {
  expect(banner).toMatch(/^Millrace is ready after \d+\.\d s\.\n/);
  expect(banner).toMatch(/\n {2}Dashboard {2}http:\/\/127\.0\.0\.1:\d+\/\?code=\S+\n/);
  expect(banner).toMatch(/\n {2}API {8}http:\/\/127\.0\.0\.1:\d+\/docs\n/);
  expect(banner).toMatch(/\n {2}MQTT {7}mqtt:\/\/127\.0\.0\.1:\d+\n/);
  expect(banner).toMatch(/Admin token, shown this once: mr_a_[\w-]+\n/);
});

test("the banner says how long the link is good for, and link prints another that signs in once", async () => {
  expect(banner).toContain("signs in once, within an hour; millrace link prints a new one");
  const { stdout } = await millrace("link");
  const { origin, searchParams } = new URL(stdout.trim());
  const signIn = () =>
    fetch(`${origin}/api/v1/session`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code: searchParams.get("code") }),
    });
  expect((await signIn()).status).toBe(200);
  expect((await signIn()).status).toBe(401);
});

test("the sign-in link opens the dashboard", async () => {
  const link = /http\S+code=\S+/.exec(banner)?.[0] ?? "";
  const response = await fetch(link);
  expect(response.status).toBe(200);
  expect(await response.text()).toContain("<script");
});

test("the Node line works as pasted, with whatever Node the terminal has", async () => {
  expect(paste("node -e")).toEqual({ status: 0, output: "" });
  await until(async () => (await millrace("devices", "list", "--search", "first-device")).stdout.includes("T"));
});

test.skipIf(withoutMosquitto)("the mosquitto_pub line works as pasted (needs mosquitto-clients)", () => {
  expect(paste("mosquitto_pub")).toEqual({ status: 0, output: "" });
});

test.skipIf(withoutChdb)("query prints the readings, newest first (needs chdb)", async () => {
  const sent = withoutMosquitto ? 1 : 2;
  const rows = async (): Promise<{ metric: string; value: number }[]> =>
    JSON.parse((await millrace("query", "readings", "first-device", "--json")).stdout);
  await until(async () => (await rows()).length === sent);
  expect(await rows()).toEqual(
    Array.from({ length: sent }, () => expect.objectContaining({ metric: "temperature", value: 21.5 })),
  );
  const { stdout } = await millrace("query", "readings", "first-device", "--limit", "1");
  expect(stdout).toMatch(/^event time +metric +value\n\d{4}-\d\d-\d\dT\S+Z +temperature +21\.5\n$/);
});

test.skipIf(withoutChdb)("query tells a text from a number, and why there is nothing (needs chdb)", async () => {
  const { token } = JSON.parse((await millrace("devices", "add", "second", "--json")).stdout) as { token: string };
  expect((await millrace("query", "readings", "second")).stdout).toBe(
    "Nothing found: second has not sent anything yet.\n",
  );
  const ingest = /http\S+\/v1\/telemetry/.exec(banner)?.[0] ?? "";
  const send = (body: string) =>
    fetch(ingest, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body,
    });
  expect((await send('{"level":')).status).toBe(204);
  const said = async () => (await millrace("query", "readings", "second")).stdout;
  await until(async () => (await said()).includes("what was refused is in millrace query quarantine second."));
  expect((await send('{"level": "21.5"}')).status).toBe(204);
  await until(async () => /Z {2}level +"21\.5"\n/.test(await said()));
});

test.skipIf(withoutChdb)("query prints a window's aggregate once it is closed (needs chdb)", async () => {
  expect((await millrace("flush", "first-device", "--up-to", String(Date.now() + 120_000))).code).toBe(0);
  await until(async () => (await millrace("query", "aggregates", "first-device")).stdout.includes("temperature"));
  const { stdout } = await millrace("query", "aggregates", "first-device", "--metric", "temperature");
  expect(stdout).toMatch(/^window +metric +rev +count +min +mean +max +first +last\n/);
  expect((await millrace("query", "aggregates", "first-device", "--metric", "other")).stdout).toBe("Nothing found.\n");
  expect((await millrace("query", "aggregates", "first-device", "--size", "5000")).stdout).toBe(
    "Nothing found with --size 5000: the windows of first-device have 60000 ms.\n",
  );
  expect((await millrace("query", "readings", "first-device", "--metric", "x")).stderr).toContain("is for aggregates");
});

test.skipIf(withoutChdb)("audit compares with the tables, and every row is there once (needs chdb)", async () => {
  const { code, stdout } = await millrace("audit", "--json");
  expect(JSON.parse(stdout)).toMatchObject({ balanced: true, storedOnce: true, ledger: { values: { checked: true } } });
  expect(code).toBe(0);
});

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error("it did not come to pass within a minute");
    await delay(200);
  }
}

function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    // It is an optional package.
    return false;
  }
}
