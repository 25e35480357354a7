import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { freePort } from "./free-port.ts";

const DEBIAN = "/usr/lib/postgresql";
const START_MS_MAX = 60_000;
const NOBODY = 65_534;

/** The folder of the newest PostgreSQL that Debian's package has put here; null where there is none. */
export function findPostgres(): string | null {
  if (!existsSync(DEBIAN)) return null;
  const folders = readdirSync(DEBIAN)
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(DEBIAN, version, "bin"));
  return folders.find((folder) => existsSync(join(folder, "initdb"))) ?? null;
}

export interface PostgresServer {
  readonly port: number;
  /** The URL of a database as the superuser, who needs no password; with other credentials if given. */
  url(database: string, credentials?: string): string;
  /** Makes an empty database and returns its name. */
  createDatabase(options?: string): Promise<string>;
  /** Runs statements as the superuser. */
  run(database: string, statements: string): Promise<readonly Record<string, unknown>[]>;
  /** kill -9 of the server and of every process that it made. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and removes its files. */
  dispose(): Promise<void>;
}

export interface PostgresServerOptions {
  /** Extra lines of postgresql.conf. */
  readonly settings?: readonly string[];
}

/**
 * A throw-away PostgreSQL on a free port of 127.0.0.1 and a Unix socket in its own folder. PostgreSQL refuses to run as root: then it
 * runs as nobody. Everybody on this machine may sign in without a password, but for roles whose name begins with "guarded".
 */
export async function startPostgres(binaries: string, options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-postgres-"));
  const data = join(folder, "data");
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(folder, NOBODY, NOBODY);
  const asNobody = isRoot ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"] : [];
  const command = (name: string, ...args: readonly string[]) => [...asNobody, join(binaries, name), ...args];

  const [initdb = "", ...initArguments] = command(
    "initdb",
    "-D",
    data,
    "-U",
    "postgres",
    "-A",
    "trust",
    "-E",
    "UTF8",
    "--locale=C.UTF-8",
    "--no-sync",
  );
  const made = spawnSync(initdb, initArguments, { cwd: folder, encoding: "utf8" });
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
  const port = await freePort();
  const settings = [
    "listen_addresses = '127.0.0.1'",
    `port = ${port}`,
    `unix_socket_directories = '${folder}'`,
    "shared_buffers = 16MB",
  ];
  appendFileSync(join(data, "postgresql.conf"), `\n${[...settings, ...(options.settings ?? [])].join("\n")}\n`);
  const rules = readFileSync(join(data, "pg_hba.conf"), "utf8");
  rmSync(join(data, "pg_hba.conf"));
  appendFileSync(join(data, "pg_hba.conf"), `host all guarded 127.0.0.1/32 scram-sha-256\n${rules}`, { mode: 0o644 });

  let child: ChildProcess | undefined;
  let databases = 0;
  const url = (database: string, credentials = "postgres") => `postgres://${credentials}@127.0.0.1:${port}/${database}`;
  const run = async (database: string, statements: string) => {
    const client = new Client({ connectionString: url(database) });
    client.on("error", () => undefined);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(statements)).rows ?? [];
    } finally {
      await client.end();
    }
  };
  const server: PostgresServer = {
    port,
    url,
    run,
    async createDatabase(databaseOptions = "") {
      databases += 1;
      const name = `registry_${databases}`;
      await run("postgres", `create database ${name} ${databaseOptions}`);
      return name;
    },
    async kill() {
      // A signal to the whole group may have ended it already.
      if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const pids = [child.pid, ...childrenOf(child.pid)];
      const gone = once(child, "exit");
      for (const pid of pids) killIfThere(pid);
      await gone;
      child = undefined;
    },
    async start() {
      const deadline = Date.now() + START_MS_MAX;
      for (;;) {
        const [postgres = "", ...args] = command("postgres", "-D", data);
        child = spawn(postgres, args, { cwd: folder, stdio: "ignore" });
        while (child.exitCode === null && child.signalCode === null) {
          if (
            await run("postgres", "select 1").then(
              () => true,
              () => false,
            )
          )
            return;
          if (Date.now() > deadline) throw new Error("PostgreSQL did not start");
          await sleep(50);
        }
        // After kill -9 the shared memory of the one before may be in use for another moment.
        if (Date.now() > deadline) throw new Error("PostgreSQL ended while it started");
        await sleep(100);
      }
    },
    async dispose() {
      await server.kill();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  await server.start();
  return server;
}

function childrenOf(parent: number): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => parentOf(pid) === parent)
    .map(Number);
}

function parentOf(pid: string): number | null {
  try {
    return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    // It ended while we looked.
    return null;
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // ESRCH: it ended by itself.
  }
}
