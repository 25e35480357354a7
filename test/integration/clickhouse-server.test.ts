import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isMillraceError, type MillraceError } from "../../core/errors.ts";
import { silentLogger } from "../../core/logger.ts";
import { createClickHouseLink } from "../../sinks/clickhouse/clickhouse-link.ts";
import { migrateDatabase } from "../../sinks/clickhouse/migrate.ts";
import { createServerPlace } from "../../sinks/clickhouse/server-place.ts";
import { FREE_PORTS } from "../support/free-port.ts";
import { startInstance, temporaryDirectory } from "../support/instance.ts";
import { runToFailure } from "../support/start-failure.ts";
import { CHDB_TITLE, hasChdb, openBench, until } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import { createFiller } from "../unit/sinks-clickhouse/record-fixtures.ts";
import type { ClickHouseServer } from "../support/clickhouse-server.ts";
import type { ClickHouseBench } from "../unit/sinks-clickhouse/clickhouse-bench.ts";

const METRICS_PER_READING = 6;
/** Short, so that a server that hangs is given up soon. */
const TIMEOUTS = { insertTimeoutMs: 1500, queryTimeoutMs: 1500, tableCommandTimeoutMs: 3000 };

describe.skipIf(!hasChdb())(`a ClickHouse server over the network ${CHDB_TITLE}`, { timeout: 120_000 }, () => {
  let bench: ClickHouseBench;
  let server: ClickHouseServer;
  beforeEach(async () => {
    bench = await openBench("server");
    if (bench.server === null) throw new Error("the bench has no server");
    ({ server } = bench);
    await bench.startChdb();
  });
  afterEach(() => bench.close());

  const settled = (): Promise<void> => until("all is settled", () => bench.isSettled());
  const expectExactly = async (readings: number): Promise<void> => {
    const { readingRows, readingDistinct } = await bench.tally();
    const expected = readings * METRICS_PER_READING;
    expect({ readingRows, readingDistinct }).toEqual({ readingRows: expected, readingDistinct: expected });
  };

  it("stores each row once, sent compressed, while the server is down for five seconds", async () => {
    const filler = createFiller(bench.log);
    await bench.startSink({ timeouts: TIMEOUTS });
    filler.readings(1000);
    await settled();
    await server.down();
    filler.readings(1000);
    await sleep(5000);
    filler.readings(500);
    expect(bench.faults).toContain("clickhouse-sink raised");
    await server.up();
    await settled();
    await expectExactly(2500);
    expect(bench.faults.at(-1)).toBe("clickhouse-sink cleared");
    const inserts = server.seen.filter((line) => line.includes("INSERT INTO readings"));
    expect(inserts.length).toBeGreaterThan(1);
    expect(inserts.every((line) => line.startsWith("zstd INSERT"))).toBe(true);
  });

  it("gives up a request that hangs, and goes on when the server answers again", async () => {
    const filler = createFiller(bench.log);
    await bench.startSink({ timeouts: TIMEOUTS });
    filler.readings(500);
    await settled();
    server.faults.hanging = true;
    filler.readings(500);
    await until("the fault is reported", () => bench.faults.includes("clickhouse-sink raised"));
    server.faults.hanging = false;
    await settled();
    await expectExactly(1000);
  });

  it("repeats an insert whose answer was lost after the commit, with the same token: no row is there twice", async () => {
    const filler = createFiller(bench.log);
    await bench.startSink({ timeouts: TIMEOUTS, rowsMax: 3000 });
    for (let round = 0; round < 5; round += 1) {
      server.faults.resetsAfterCommit += 2;
      filler.readings(700);
      await settled();
    }
    await expectExactly(3500);
    expect(server.faults.resetsAfterCommit).toBe(0);
  });

  it("loses and repeats nothing when the server is killed again and again", async () => {
    const filler = createFiller(bench.log);
    await bench.startSink({ timeouts: TIMEOUTS, rowsMax: 3000 });
    for (let round = 0; round < 5; round += 1) {
      filler.readings(1500);
      await sleep(60 + 40 * round);
      const pid = bench.chdb().pid();
      if (pid !== null) process.kill(pid, "SIGKILL");
    }
    await settled();
    await expectExactly(7500);
  });

  const refusal = async (url: string, installation = "test"): Promise<MillraceError> => {
    const error: unknown = await createServerPlaceStart(url, installation).then(
      () => null,
      (reason: unknown) => reason,
    );
    if (!isMillraceError(error)) throw new Error("expected a MillraceError", { cause: error });
    expect(`${error.message} ${error.remedy}`).not.toContain("s3cret");
    expect(error.message).not.toContain("\n");
    expect(error.remedy).toMatch(/\.$/);
    return error;
  };
  const createServerPlaceStart = (url: string, installation: string): Promise<void> =>
    createServerPlace({ url, installation, logger: silentLogger }).start();
  /** Names of all tables, asked of chdb itself. */
  const tables = async (): Promise<unknown> => {
    const connection = bench.chdb().connection();
    const auth = Buffer.from(`${connection?.username}:${connection?.password}`).toString("base64");
    const headers = { authorization: `Basic ${auth}` };
    const body = "SELECT name FROM system.tables WHERE database = 'default'";
    return (await fetch(connection?.url ?? "", { method: "POST", headers, body })).text();
  };

  it("refuses a wrong password, a database that is not there and a user without rights, and makes nothing", async () => {
    const url = server.url();
    const wrong = await refusal(url.replace("s3cret", "guess"));
    expect(wrong).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining("user and the password") });
    const elsewhere = await refusal(url.replace(/default$/, "nowhere"));
    expect(elsewhere).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining("no such database") });
    server.faults.denied = /CREATE TABLE|ALTER TTL/;
    expect(await refusal(url)).toMatchObject({
      code: "CONFIG_INVALID",
      message: "ClickHouse's user lacks rights on its database: CREATE TABLE, ALTER TTL",
      remedy: expect.stringContaining("millrace clickhouse-sql"),
    });
    expect(await tables()).toBe("");
  });

  it("says what to do when a right is taken away while rows flow, and goes on when it is back", async () => {
    const filler = createFiller(bench.log);
    await bench.startSink({ timeouts: TIMEOUTS });
    filler.readings(100);
    await settled();
    server.faults.denied = /INSERT INTO readings/;
    filler.readings(100);
    await until("the fault is reported", () => bench.faults.includes("clickhouse-sink raised"));
    server.faults.denied = null;
    await settled();
    await expectExactly(200);
  });

  it("refuses tables of a newer release, of another installation, and of somebody else, and leaves them alone", async () => {
    const link = createClickHouseLink(() => bench.connection());
    await link.command("CREATE TABLE readings (x UInt8) ENGINE = MergeTree ORDER BY x");
    expect(await refusal(server.url())).toMatchObject({
      code: "CONFIG_INVALID",
      message: "the ClickHouse database has tables that Millrace did not make: readings",
    });
    await link.command("DROP TABLE readings");
    await migrateDatabase(link, "test");
    await createServerPlaceStart(server.url(), "test");
    expect(await refusal(server.url(), "another")).toMatchObject({
      code: "CONFIG_INVALID",
      message: "the ClickHouse database holds the tables of another installation",
    });
    await link.command("INSERT INTO schema_migrations SELECT 999, 'from the future', now64(3)");
    expect(await refusal(server.url())).toMatchObject({
      code: "DATA_FORMAT_UNSUPPORTED",
      message: expect.stringContaining("shape 999"),
    });
    await link.close();
  });

  it("lets an instance start while the server is away, which says so until it is there", async () => {
    const directory = temporaryDirectory();
    const environment = { MILLRACE_CLICKHOUSE_URL: server.url() };
    await server.down();
    const instance = await startInstance({ data: directory.path, environment });
    try {
      const reasons = async (): Promise<string> => (await fetch(`${instance.httpUrl}/readyz`)).text();
      await expect.poll(reasons, { timeout: 20_000 }).toContain("MILLRACE_CLICKHOUSE_URL");
      expect(instance.stderr()).toContain("ECONNREFUSED");
      await server.up();
      await expect.poll(reasons, { timeout: 30_000 }).toContain('"ready":true');
      expect(await instance.stop()).toBe(0);
      expect(instance.stderr()).not.toContain("s3cret");
    } finally {
      await instance.kill();
      directory.dispose();
    }
  });

  it("does not let an instance start with a wrong password: one sentence, and nothing is left running", async () => {
    const directory = temporaryDirectory();
    const attempt = (url: string) =>
      runToFailure({
        args: ["start", "--data", directory.path, ...FREE_PORTS],
        environment: { MILLRACE_CLICKHOUSE_URL: url },
      });
    const wrong = await attempt(server.url().replace("s3cret", "guess"));
    expect(wrong.said).toMatch(
      /^millrace: ClickHouse at http:\/\/127\.0\.0\.1:\d+\/default cannot answer a query: it does not accept [^\n]+\. Correct user and password in MILLRACE_CLICKHOUSE_URL\.$/,
    );
    expect(wrong).toMatchObject({ code: 2, stdout: "", leftRunning: false });
    const malformed = await attempt("tcp://writer:s3cret@127.0.0.1:9000");
    expect(malformed.said).toMatch(/^millrace: what was given is no value for clickhouse-url: [^\n]+\.$/);
    expect(wrong.said + malformed.said).not.toMatch(/s3cret|guess/);
    directory.dispose();
  });
});
