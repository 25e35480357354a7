import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mappedLogMegabytes } from "../../bench/edge-memory/memory-shares.ts";
import { runEdgeLoad } from "../forward-cuts/edge-load.ts";
import { startPair, type ForwardPair } from "../forward-cuts/forward-pair.ts";
import { caughtUp, forwardFigure } from "../forward-cuts/forward-progress.ts";
import { runMillraceAsync, temporaryDirectory } from "../support/instance.ts";

const PRELOAD = join(import.meta.dirname, "../support/record-loads.cjs");
const WAIT = { timeout: 60_000, interval: 100 };
const DEVICES = 10;
const MESSAGES = 5;

/** What an edge never needs, or needs when somebody asks for it: parts of the addresses of modules. */
const NOT_LOADED = [
  "/node_modules/esbuild/",
  "/node_modules/vite/",
  "/node_modules/pg/",
  "/node_modules/@redis/",
  "/node_modules/@platformatic/kafka/",
  "/node_modules/kafkajs/",
  "/node_modules/@grpc/",
  "/node_modules/@clickhouse/",
  "/node_modules/chdb/",
  "/node_modules/csv-parse/",
  "/node_modules/zod/",
  "/node_modules/kysely/",
  "/node_modules/fastify/",
  "/node_modules/ajv/",
  // Files of the bundle that are loaded when they are needed.
  "/table-readers-",
  "/open-kafka-log-",
  "/postgres-engine-",
  "/scaler-server-",
  // Sources, and what strips their types.
  ".ts",
  "deps/amaro",
  // What `fetch` is made of.
  "deps/undici",
];

const FUNCTION = `import { defineMap, z } from "millrace/function";
export const doubled = defineMap({
  name: "doubled",
  input: z.object({ n: z.number() }),
  process: ({ metrics }) => ({ doubled: metrics.n * 2 }),
});
`;
const RULES = `rules:
  - id: any-n
    name: Any value
    severity: high
    select: {}
    condition: { kind: threshold, metric: n, op: ">", value: 0 }
`;

describe("an edge that is told to take little memory", { timeout: 240_000 }, () => {
  const files = temporaryDirectory();
  const loads = join(files.path, "loads");
  let pair: ForwardPair;
  beforeAll(async () => {
    mkdirSync(loads);
    const edgeEnvironment = { MILLRACE_FOOTPRINT: "small", RECORD_LOADS_TO: loads };
    pair = await startPair({ edgeEnvironment, edgeNodeFlags: ["--require", PRELOAD] });
  }, 240_000);
  afterAll(async () => {
    await pair?.dispose();
    files.dispose();
  });

  const loaded = () => readdirSync(loads).flatMap((name) => readFileSync(join(loads, name), "utf8").split("\n"));
  const load = () =>
    runEdgeLoad({ ...pair.edge, boxToken: pair.boxToken, devices: DEVICES, messagesPerDevice: MESSAGES, paceMs: 20 });
  const forwarded = () => forwardFigure(pair.edge, "millrace_forward_messages_total");

  it("takes messages and forwards them, and has loaded nothing that it has no use for", async () => {
    await load();
    await caughtUp(pair, WAIT.timeout);
    expect(await forwarded()).toBe(DEVICES * MESSAGES);
    const modules = loaded();
    expect(modules.some((name) => name.includes("/dist/start/"))).toBe(true);
    for (const part of NOT_LOADED) expect(modules.filter((name) => name.includes(part))).toEqual([]);
  });

  it("runs services and processors in one thread", () => {
    expect(readdirSync(loads).sort()).toEqual(["main", "thread-1"]);
  });

  it("has the API, its documentation and the dashboard all the same", async () => {
    const url = pair.edge.instance?.httpUrl;
    for (const path of ["/healthz", "/openapi.json", "/docs/", "/"])
      expect([path, (await fetch(`${url}${path}`)).status]).toEqual([path, 200]);
  });

  it("raises alarms and runs functions", async () => {
    const { data, api } = pair.edge;
    const file = join(files.path, "doubled.ts");
    writeFileSync(file, FUNCTION);
    const rules = join(files.path, "rules.yaml");
    writeFileSync(rules, RULES);
    for (const args of [
      ["apply", rules],
      ["deploy", file, "--yes", "--no-shadow"],
    ]) {
      const { code, stderr } = await runMillraceAsync([...args, "--data", data]);
      expect([code, stderr]).toEqual([0, expect.any(String)]);
    }
    const isCalled = async () => {
      await load();
      return (await api.metrics()).includes('function="doubled"');
    };
    await expect.poll(isCalled, WAIT).toBe(true);
    await expect
      .poll(async () => (await api.get<{ readonly items: readonly unknown[] }>("/alarms")).items.length, WAIT)
      .toBeGreaterThan(0);
  });

  it.runIf(process.platform === "linux")("lets go what it has read of the mapped log", async () => {
    const { edge, boxToken } = pair;
    await runEdgeLoad({ ...edge, boxToken, devices: DEVICES, messagesPerDevice: 200, paceMs: 0 });
    await caughtUp(pair, WAIT.timeout);
    const megabytes = (await forwardFigure(edge, "millrace_log_bytes")) / 1e6;
    expect(megabytes).toBeGreaterThan(3);
    await expect.poll(() => mappedLogMegabytes(edge.instance?.pid ?? 0), WAIT).toBeLessThan(megabytes / 4);
  });

  it("goes on after kill -9 with what it had", async () => {
    const before = await forwarded();
    await pair.edge.kill();
    await pair.edge.start();
    await load();
    await caughtUp(pair, WAIT.timeout);
    expect(before).toBeGreaterThan(0);
    // What is told of the hops is some moments old, and may be of before the load.
    await expect.poll(forwarded, WAIT).toBeGreaterThanOrEqual(DEVICES * MESSAGES);
    expect(await pair.edge.stop()).toBeUndefined();
  });
});
