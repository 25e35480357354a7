import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FREE_PORTS } from "../support/free-port.ts";
import { startInstance, temporaryDirectory } from "../support/instance.ts";
import { copyTreeWithout, runToFailure } from "../support/start-failure.ts";
import type { AddressInfo } from "node:net";
import type { FailedStart } from "../support/start-failure.ts";

/** What stops a start ends in one sentence that says what to do, an exit code, and nothing left running. */
const oldNode = findOldNode();

let directory: ReturnType<typeof temporaryDirectory>;
const cleanups: (() => Promise<unknown> | void)[] = [];
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  directory.dispose();
});

const data = (): string => join(directory.path, "data");
const start = (...flags: readonly string[]): readonly string[] => ["start", "--data", data(), ...flags];

/** One line for people, of a sentence that says what is wrong and one that says what to do. */
function expectSentence(failed: FailedStart, what: RegExp, remedy: RegExp, code = 1): void {
  expect(failed.said).toMatch(what);
  expect(failed.said).toMatch(remedy);
  expect(failed.said).toMatch(/^millrace: [^\n]+[^.\s]\.$/);
  expect(failed.said).not.toMatch(/\.\.|\n|    at /);
  expect(failed.stdout).toBe("");
  expect(failed.code).toBe(code);
  expect(failed.leftRunning).toBe(false);
}

test("an MQTT port in use", async () => {
  const port = await takePort();
  const failed = await runToFailure({
    args: start("--no-clickhouse", "--mqtt-port", port, "--http-port", "0", "--ingest-port", "0"),
  });
  expectSentence(failed, new RegExp(`port ${port} on 127\\.0\\.0\\.1 is in use`), /--mqtt-port/);
  expect(existsSync(join(data(), "log"))).toBe(false);
});

test("an HTTP port in use, before anything is started", async () => {
  const port = await takePort();
  const failed = await runToFailure({ args: start("--mqtt-port", "0", "--http-port", port, "--ingest-port", "0") });
  expectSentence(failed, new RegExp(`port ${port} on 127\\.0\\.0\\.1 is in use`), /--http-port/);
  expect(existsSync(join(data(), "clickhouse"))).toBe(false);
});

test("an ingest port in use, before anything is started", async () => {
  const port = await takePort();
  const failed = await runToFailure({ args: start("--mqtt-port", "0", "--http-port", "0", "--ingest-port", port) });
  expectSentence(failed, new RegExp(`port ${port} on 127\\.0\\.0\\.1 is in use`), /--ingest-port/);
  expect(existsSync(join(data(), "log"))).toBe(false);
});

test("a data directory that is a file", async () => {
  writeFileSync(data(), "");
  const failed = await runToFailure({ args: start("--no-clickhouse", ...FREE_PORTS) });
  expectSentence(failed, /cannot write to the data directory/, /name another with --data or MILLRACE_DATA/);
});

test("a data directory below a file, and one where nobody may make anything", async () => {
  writeFileSync(join(directory.path, "file"), "");
  for (const path of [join(directory.path, "file", "data"), "/proc/millrace/data"]) {
    const failed = await runToFailure({ args: ["start", "--data", path, "--no-clickhouse", ...FREE_PORTS] });
    expectSentence(failed, /cannot write to the data directory/, /name another with --data/);
  }
});

test("a data directory that another instance uses, which goes on undisturbed", async () => {
  const instance = await startInstance({ data: data(), flags: ["--no-clickhouse"] });
  cleanups.push(() => instance.kill());
  const failed = await runToFailure({ args: start("--no-clickhouse", ...FREE_PORTS) });
  expectSentence(failed, /another Millrace is using the data directory/, /Stop the other one/);
  expect((await fetch(`${instance.httpUrl}/healthz`)).status).toBe(200);
  expect(await instance.stop()).toBe(0);
});

test("a data directory whose owner was killed can be used again at once", async () => {
  const killed = await startInstance({ data: data(), flags: ["--no-clickhouse"] });
  await killed.kill();
  const next = await startInstance({ data: data(), flags: ["--no-clickhouse"] });
  expect(await next.stop()).toBe(0);
});

test("a data directory of a newer format", async () => {
  mkdirSync(data());
  writeFileSync(join(data(), "format"), "2");
  const failed = await runToFailure({ args: start("--no-clickhouse", ...FREE_PORTS) });
  expectSentence(failed, /has data format 2; this release knows up to 1/, /Use the release that wrote it/);
});

test("an epoch that is damaged, since a smaller one would repeat admission ids", async () => {
  mkdirSync(data());
  for (const text of ["NaN", ""]) {
    writeFileSync(join(data(), "epoch"), text);
    const failed = await runToFailure({ args: start("--no-clickhouse", ...FREE_PORTS) });
    expectSentence(failed, /epoch is damaged/, /Write a number into it/);
  }
});

test("another number of partitions than the log was made with", async () => {
  const made = await startInstance({ data: data(), flags: ["--no-clickhouse"] });
  expect(await made.stop()).toBe(0);
  const environment = { MILLRACE_PARTITIONS: "16" };
  const failed = await runToFailure({ args: start("--no-clickhouse", ...FREE_PORTS), environment });
  expectSentence(failed, /created with 32 partitions/, /Set the number of partitions to 32/, 2);
});

test("ClickHouse that is not installed, in a copy of the tree without its package", async () => {
  const root = copyTreeWithout(join(directory.path, "copy"), ["chdb"]);
  const failed = await runToFailure({ root, args: start(...FREE_PORTS) });
  expectSentence(failed, /ClickHouse.*is not installed/, /npm install.*--no-clickhouse/);
  const instance = await startInstance({
    data: data(),
    flags: ["--no-clickhouse"],
    script: join(root, "bin/millrace.js"),
  });
  expect(await instance.stop()).toBe(0);
});

test("pages that cannot be built: what has started is stopped again, and the data directory is free", async () => {
  const root = copyTreeWithout(join(directory.path, "copy"), ["vite"]);
  // Other sources than those that were built.
  appendFileSync(join(root, "dashboard/web/index.html"), " ");
  const failed = await runToFailure({ root, args: start("--no-clickhouse", ...FREE_PORTS) });
  expect(failed.said).toMatch(/^millrace: the dashboard's pages cannot be built: [^]* Run `npm install`/);
  expect(failed).toMatchObject({ code: 2, stdout: "", leftRunning: false });
  const instance = await startInstance({ data: data(), flags: ["--no-clickhouse"] });
  expect(await instance.stop()).toBe(0);
});

test("a Node that is too old", async () => {
  const pretend = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "22.11.0" } })`;
  const failed = await runToFailure({ args: start(), nodeFlags: ["--import", `data:text/javascript,${pretend}`] });
  expect(failed.said).toMatch(
    /^millrace: this is Node 22\.11\.0, and Millrace needs 24 or newer\. .*install Node 24\.$/,
  );
  expect(failed).toMatchObject({ code: 2, stdout: "", leftRunning: false });
});

test.skipIf(oldNode === null)("a Node that is too old, really (needs an older Node on the path)", async () => {
  const failed = await runToFailure({ args: start(), node: oldNode ?? "" });
  expect(failed.said).toMatch(/^millrace: this is Node [\d.]+, and Millrace needs 24 or newer\. .*install Node 24\.$/);
  expect(failed).toMatchObject({ code: 2, stdout: "", leftRunning: false });
});

test.each([
  [["--mqtt-port", "abc"], /"abc" is no value for mqtt-port: it is a whole number from 0 to 65535/, /--mqtt-port/],
  [["--http-port", "70000"], /"70000" is no value for http-port/, /--http-port or MILLRACE_HTTP_PORT/],
  [["--processor-threads", "0"], /"0" is no value for processor-threads/, /--processor-threads/],
  [["--log-level", "loud"], /"loud" is no value for log-level: it is debug, info, warn or error/, /--log-level/],
  [["--webhook-url", "ftp://x.y/z"], /it is a URL that begins with http/, /--webhook-url/],
  [["--host", "0.0.0.0"], /host 0\.0\.0\.0 is not a loopback address/, /--allow-plaintext/],
])("a flag that cannot be: %s", async (flags, what, remedy) => {
  expectSentence(await runToFailure({ args: start(...flags) }), what, remedy, 2);
});

test("a variable that cannot be, and a secret that is not printed", async () => {
  const port = await runToFailure({ args: start(), environment: { MILLRACE_MQTT_PORT: "x" } });
  expectSentence(port, /"x" is no value for mqtt-port/, /MILLRACE_MQTT_PORT/, 2);
  const secret = await runToFailure({ args: start(), environment: { MILLRACE_WEBHOOK_SECRET: "hush" } });
  expectSentence(secret, /is no value for webhook-secret: it has at least 16 characters/, /MILLRACE_WEBHOOK_SECRET/, 2);
  expect(secret.said).not.toContain("hush");
});

test("a command or a flag that does not exist, with where to look", async () => {
  const command = await runToFailure({ args: ["strat"] });
  expect(command.said).toMatch(/^millrace: unknown command 'strat'\. Did you mean start\? See millrace --help\.$/);
  const flag = await runToFailure({ args: ["start", "--no-such-flag"] });
  expect(flag.said).toMatch(/unknown option '--no-such-flag'\. See millrace start --help\.$/);
  for (const failed of [command, flag]) expect(failed).toMatchObject({ code: 2, stdout: "", leftRunning: false });
});

test("with --json the failure is an object with its code", async () => {
  const failed = await runToFailure({ args: ["start", "--json", "--host", "0.0.0.0"] });
  const { error }: { error: { code: string; message: string; remedy: string } } = JSON.parse(failed.said);
  expect(error).toMatchObject({ code: "CONFIG_INVALID", remedy: expect.stringContaining("--allow-plaintext") });
  expect(failed.code).toBe(2);
});

async function takePort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  const { port } = server.address() as AddressInfo;
  return String(port);
}

/** Another Node than the one that runs this, older than what is needed; null when there is none. */
function findOldNode(): string | null {
  const found = (process.env["PATH"] ?? "").split(":").map((folder) => join(folder, "node"));
  return (
    found.find((node) => {
      const { status, stdout } = spawnSync(node, ["--version"], { encoding: "utf8" });
      return status === 0 && Number(stdout.slice(1).split(".")[0]) < 24;
    }) ?? null
  );
}
