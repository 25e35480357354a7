import { join } from "node:path";
import { defineConfig } from "vitest/config";

const SERVER_SUITES = ["test/contract/registry/postgres.test.ts", "test/contract/event-log/kafka*.test.ts"];
/** Rooms that hold nothing open and keep nothing: their tests share processes, since a fresh one costs more than most of these files. */
const PURE_ROOMS = ["core", "wire", "engine", "kit", "processors", "dashboard", "api"];
/**
 * Of the integration tests those that watch no times: they wait for what must come, however long it takes, and run while other suites do. Whole
 * instances that are killed, stopped, scaled or timed have the machine to themselves.
 */
const BESIDE_SUITES = [
  "api-*",
  "bad-input",
  "byte-equal",
  "clickhouse-!(server)",
  "command-line*",
  "dashboard-*",
  "device-sim-*",
  "engine-real-data",
  "examples",
  "functions-project",
  "http-ingest*",
  "notify*",
  "redis-session-store",
  "registry-*",
  "slow-devices",
  "start-failures*",
  "tutorial-functions",
].map((name) => `test/integration/${name}.test.ts`);
const PURE_SUITES = PURE_ROOMS.map((room) => `test/unit/${room}/**/*.test.ts`);
/** Has a cluster of its own. */
const ROLLING_UPGRADE = "test/integration/rolling-upgrade.test.ts";
/** What is waited for comes at once, unless the machine stands still for a while: only what never comes is to be told by a time-out. */
const POLL_MS = 20_000;
/**
 * Instances keep what Node has compiled in their data directory, and here each test has a new one: with one place for all of them, a start
 * takes two fifths less CPU time, and a command half. The e2e project does without, as users' first starts do.
 */
const COMPILED = { NODE_COMPILE_CACHE: join(import.meta.dirname, "node_modules/.cache/compiled") };

// oxlint-disable-next-line import/no-default-export -- vitest reads the default export
export default defineConfig({
  test: {
    pool: "forks",
    projects: [
      sharing(project("pure", PURE_SUITES, 60_000)),
      project("unit", ["test/unit/**/*.test.ts"], 60_000, PURE_SUITES),
      project("contract", ["test/contract/**/*.test.ts"], 120_000, SERVER_SUITES),
      // The contracts again, on real servers: slower than what is run before each commit.
      project("servers", SERVER_SUITES, 120_000),
      project("tidy", ["test/*.test.ts"], 60_000),
      project("integration", ["test/integration/**/*.test.ts"], 300_000, [...BESIDE_SUITES, ROLLING_UPGRADE]),
      project("beside", BESIDE_SUITES, 300_000),
      // The same tests on the other engine of the registry.
      onPostgres(["test/integration/api-*.test.ts", "test/integration/notify.test.ts"]),
      // And with the log on Kafka.
      onKafka([
        ...["real-data-*", "audit-live", "own-stages-restart"].map((name) => `test/integration/${name}.test.ts`),
        ROLLING_UPGRADE,
      ]),
      // The same tests with ClickHouse as a server over the network.
      onClickHouseServer(["sink", "history", "rejects", "row-binary", "native-block", "rollups"]),
      project("e2e", ["test/e2e/**/*.test.ts"], 600_000),
    ],
  },
});

function onPostgres(include: readonly string[]) {
  const { test } = project("postgres", [...include], 300_000);
  return {
    test: {
      ...test,
      globalSetup: ["test/support/postgres-project.ts"],
      setupFiles: ["test/support/postgres-skip.ts"],
    },
  };
}

function onKafka(include: readonly string[]) {
  const { test } = project("kafka", [...include], 300_000);
  return {
    test: {
      ...test,
      globalSetup: ["test/support/kafka-project.ts"],
      setupFiles: ["test/support/kafka-environment.ts"],
    },
  };
}

function onClickHouseServer(suites: readonly string[]) {
  const include = suites.map((suite) => `test/integration/clickhouse-${suite}.test.ts`);
  const { test } = project("clickhouse", include, 300_000);
  return { test: { ...test, globalSetup: ["test/support/clickhouse-project.ts"] } };
}

function sharing({ test }: ReturnType<typeof project>) {
  return { test: { ...test, isolate: false } };
}

function project(name: string, include: string[], testTimeout: number, exclude: string[] = []) {
  const expect = { poll: { timeout: POLL_MS } };
  const env = name === "e2e" ? {} : COMPILED;
  return { test: { name, include, exclude, testTimeout, hookTimeout: testTimeout, expect, env } };
}
