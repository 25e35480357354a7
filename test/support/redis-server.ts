import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@redis/client";
import { freePort } from "./free-port.ts";

const START_MS_MAX = 20_000;
/** Where services of the system are installed, whatever the user's PATH is. */
const SYSTEM = "/usr/bin";

/** The program; null where there is none. */
export function findRedis(): string | null {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), SYSTEM];
  return folders.map((folder) => join(folder, "redis-server")).find((path) => existsSync(path)) ?? null;
}

export interface RedisServer {
  readonly port: number;
  /** With credentials (`user:password`) if given. */
  url(credentials?: string): string;
  /** Runs one command with these credentials. */
  run(command: readonly string[], credentials?: string): Promise<unknown>;
  /** kill -9. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Stops it from answering, as a machine that hangs does. */
  freeze(): void;
  thaw(): void;
  /** Ends it and removes its files. */
  dispose(): Promise<void>;
}

/** A throw-away Redis on a free port of 127.0.0.1 that keeps nothing on the disk. `settings`: further arguments, such as --requirepass. */
export async function startRedis(program: string, settings: readonly string[] = []): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-redis-"));
  const port = await freePort();
  let child: ChildProcess | undefined;
  const url = (credentials?: string) =>
    `redis://${credentials === undefined ? "" : `${credentials}@`}127.0.0.1:${port}`;
  const server: RedisServer = {
    port,
    url,
    async run(command, credentials) {
      const client = createClient({ url: url(credentials), socket: { reconnectStrategy: false } });
      client.on("error", () => undefined);
      await client.connect();
      try {
        return await client.sendCommand([...command]);
      } finally {
        client.destroy();
      }
    },
    async kill() {
      // A signal to the whole group may have ended it already.
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
      child = undefined;
    },
    async start() {
      const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder, ...settings];
      child = spawn(program, args, { cwd: folder, stdio: "ignore" });
      const deadline = Date.now() + START_MS_MAX;
      while (!(await answers(url()))) {
        if (child.exitCode !== null || Date.now() > deadline) throw new Error("Redis did not start");
        await sleep(20);
      }
    },
    freeze: () => void child?.kill("SIGSTOP"),
    thaw: () => void child?.kill("SIGCONT"),
    async dispose() {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

/** A refusal for want of a password is an answer too. */
async function answers(url: string): Promise<boolean> {
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  client.on("error", () => undefined);
  try {
    await client.connect();
    client.destroy();
    return true;
  } catch (error) {
    return error instanceof Error && /^(?:NOAUTH|WRONGPASS|NOPERM)/.test(error.message);
  }
}
