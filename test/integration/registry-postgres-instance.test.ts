import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FREE_PORTS } from "../support/free-port.ts";
import { startInstance, temporaryDirectory } from "../support/instance.ts";
import { findPostgres, type PostgresServer, startPostgres } from "../support/postgres-server.ts";
import { runToFailure } from "../support/start-failure.ts";

const binaries = findPostgres();
const PASSWORD = "s3cret-and-long";

describe.skipIf(binaries === null)("an instance with its registry in PostgreSQL (needs the postgresql package)", () => {
  let server: PostgresServer;
  let directory: ReturnType<typeof temporaryDirectory>;
  beforeAll(async () => {
    server = await startPostgres(binaries ?? "", { settings: ["fsync = off"] });
  });
  afterAll(() => server?.dispose());
  beforeEach(() => {
    directory = temporaryDirectory();
  });
  afterEach(() => directory.dispose());

  it("keeps devices and credentials there, over a restart, and no file", async () => {
    const database = await server.createDatabase();
    const environment = { MILLRACE_DATABASE_URL: server.url(database, `postgres:${PASSWORD}`) };
    const start = () => startInstance({ data: directory.path, flags: ["--no-clickhouse"], environment });
    const first = await start();
    const devices = await server.run(database, "select tenant, id from millrace.devices");
    expect(devices).toEqual([{ tenant: "default", id: first.ready.device }]);
    // Ready means that the relay has carried the device's record into the log.
    expect(await server.run(database, "select * from millrace.control_outbox")).toEqual([]);
    expect(await first.stop()).toBe(0);
    expect(existsSync(join(directory.path, "registry.sqlite"))).toBe(false);

    const second = await start();
    const headers = { authorization: `Bearer ${first.ready.adminToken}` };
    const answer = await fetch(`${second.httpUrl}/api/v1/devices/${first.ready.device}`, { headers });
    expect(answer.status).toBe(200);
    expect(await second.stop()).toBe(0);
    expect(second.stderr()).toContain("fsync = off");
    expect(first.stderr() + second.stderr()).not.toContain(PASSWORD);
  });

  it("does not start without the server: one sentence with what to do and without the password", async () => {
    const args = ["start", "--data", directory.path, "--no-clickhouse", ...FREE_PORTS];
    const attempt = (url: string) => runToFailure({ args, environment: { MILLRACE_DATABASE_URL: url } });
    const away = await attempt(`postgres://millrace:${PASSWORD}@127.0.0.1:1/registry`);
    expect(away.said).toMatch(
      /^millrace: registry postgres:\/\/127\.0\.0\.1:1\/registry: [^\n]+ECONNREFUSED[^\n]+\. Start PostgreSQL there, [^\n]+\.$/,
    );
    expect(away).toMatchObject({ code: 1, stdout: "", leftRunning: false });
    const wrong = await attempt(`mysql://millrace:${PASSWORD}@127.0.0.1:1/registry`);
    expect(wrong.said).toMatch(
      /^millrace: what was given is no value for database-url: [^\n]+\. Correct MILLRACE_DATABASE_URL\.$/,
    );
    expect(away.said + wrong.said).not.toContain(PASSWORD);
  });
});
