import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startInstance } from "./instance.ts";
import type { Random } from "../../device-sim/random.ts";
import { freePort } from "./free-port.ts";
import type { Instance } from "./instance.ts";

const MILLRACE = fileURLToPath(new URL("../../bin/millrace.js", import.meta.url));

/** An instance that comes back on the same ports and data after every kill. */
export interface MortalInstance {
  readonly mqtt: string;
  /** Starts the first one. */
  start(): Promise<void>;
  /** Kills the whole tree after a while that chance decides, in one of four cases the next one during its start too, and starts it again. */
  killSoon(random: Random): Promise<void>;
  /** The same after exactly so long. */
  killAndStart(afterMs: number): Promise<void>;
  /** Of the device that every instance has. */
  token(): string;
  stop(): Promise<number | null>;
  kill(): Promise<void>;
}

interface MortalOptions {
  /** As of `startInstance`. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly script?: string;
  /** How long it lives until `killSoon` kills it. */
  readonly runMs?: { readonly min: number; readonly max: number };
  readonly whenDead?: () => Promise<void>;
  /** Aborted: the one that lives is killed. */
  readonly signal?: AbortSignal;
}

/** After this long an instance is usually ready: kills during a start come before. */
const START_MS = 1500;
const RUN_MS = { min: 50, max: 1200 };

/** `whenDead` is called between the last kill and the next start. */
export async function mortalInstance(
  data: string,
  flags: readonly string[],
  options: MortalOptions = {},
): Promise<MortalInstance> {
  const { runMs = RUN_MS, whenDead = () => Promise.resolve(), script = MILLRACE } = options;
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const environment = {
    ...options.environment,
    MILLRACE_MQTT_PORT: String(await freePort()),
    MILLRACE_HTTP_PORT: String(await freePort()),
  };
  let instance: Instance | null = null;
  const start = async (): Promise<void> => {
    instance = await startInstance({ data, flags, environment, script, ...signal });
  };
  return {
    mqtt: `mqtt://127.0.0.1:${environment.MILLRACE_MQTT_PORT}`,
    start,
    async killSoon(random) {
      await sleep(random.between(runMs.min, runMs.max));
      await instance?.kill();
      if (random.between(0, 4) < 1)
        await killDuringStart(script, data, flags, environment, random.between(100, START_MS));
      await whenDead();
      await start();
    },
    async killAndStart(afterMs) {
      await sleep(afterMs);
      await instance?.kill();
      await start();
    },
    token: () => instance?.ready.token ?? "",
    stop: async () => (await instance?.stop()) ?? null,
    kill: async () => instance?.kill(),
  };
}

async function killDuringStart(
  script: string,
  data: string,
  flags: readonly string[],
  environment: Readonly<Record<string, string>>,
  afterMs: number,
): Promise<void> {
  const env = { ...process.env, ...environment };
  const options = { detached: true, stdio: "ignore", env } as const;
  const child = spawn(process.execPath, [script, "start", "--data", data, ...flags], options);
  const exited = once(child, "exit");
  await sleep(afterMs);
  if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
  await exited;
}
