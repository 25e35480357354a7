import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FREE_PORTS } from "../support/free-port.ts";
import { startInstance, temporaryDirectory } from "../support/instance.ts";
import { CONNACK_ACCEPTED, openRaw, rawConnect, rawPublish } from "../support/raw-mqtt.ts";
import { mountMemory, runToFailure } from "../support/start-failure.ts";
import type { Overview } from "../../core/overview.ts";
import type { Instance } from "../support/instance.ts";

/** A disk of its own, in memory, that can be filled: only root may mount one. */
const cannotMount = !canMount();
const MIB = 1024 ** 2;
const BATCH = 50;

let directory: ReturnType<typeof temporaryDirectory>;
const cleanups: (() => Promise<unknown> | void)[] = [];
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  directory.dispose();
});

test.skipIf(cannotMount)("a full disk at start is one sentence, and nothing is left running (needs root)", async () => {
  const disk = mount(32);
  writeFileSync(join(disk.path, "ballast"), Buffer.alloc(20 * MIB));
  const args = ["start", "--data", join(disk.path, "data"), "--no-clickhouse", ...FREE_PORTS];
  const failed = await runToFailure({ args });
  expect(failed.said).toMatch(
    /^millrace: the disk of \S+ is full: only \d+ bytes are free\. Free at least 16 MiB .*\.$/,
  );
  expect(failed).toMatchObject({ code: 1, stdout: "", leftRunning: false });
});

test.skipIf(cannotMount)("a disk without a single free byte is the same sentence (needs root)", async () => {
  const disk = mount(1);
  expect(() => writeFileSync(join(disk.path, "ballast"), Buffer.alloc(2 * MIB))).toThrow("ENOSPC");
  const failed = await runToFailure({ args: ["start", "--data", disk.path, "--no-clickhouse", ...FREE_PORTS] });
  expect(failed.said).toMatch(/^millrace: the disk of \S+ is full: .*\. Free at least 16 MiB .*\.$/);
  expect(failed).toMatchObject({ code: 1, stdout: "", leftRunning: false });
});

test.skipIf(cannotMount)("a disk that is mounted read-only cannot be written to (needs root)", async () => {
  const disk = mount(32);
  disk.readOnly();
  const failed = await runToFailure({ args: ["start", "--data", disk.path, "--no-clickhouse", ...FREE_PORTS] });
  expect(failed.said).toMatch(/^millrace: cannot write to the data directory .*EROFS.* Make it writable .*\.$/);
  expect(failed).toMatchObject({ code: 1, stdout: "", leftRunning: false });
});

test.skipIf(cannotMount)(
  "a disk that fills up while running stops the acknowledgements, says so in /readyz, and is used again when there is room (needs root)",
  async () => {
    const disk = mount(48);
    const ballast = join(disk.path, "ballast");
    writeFileSync(ballast, Buffer.alloc(24 * MIB));
    const instance = await startInstance({
      data: join(disk.path, "data"),
      flags: ["--no-clickhouse", "--log-level", "error"],
    });
    cleanups.push(() => instance.kill());
    const device = new PatientDevice(instance);
    cleanups.push(() => device.stop());
    device.start();

    await until("not ready", async () => (await readiness(instance)).reasons.some((text) => text.includes("full")));
    expect((await readiness(instance)).ready).toBe(false);
    expect(await gauge(instance, "millrace_disk_size_bytes")).toBe(48 * MIB);
    expect(await gauge(instance, "millrace_disk_free_bytes")).toBeLessThan(8 * MIB);
    // What processing frees at the brink may still take a batch: three seconds without one must come, and nobody is ready in them.
    let acknowledged = 0;
    await until("no acknowledgements", async () => {
      acknowledged = device.acknowledged;
      await delay(3000);
      return device.acknowledged === acknowledged;
    });
    expect(acknowledged).toBeGreaterThan(0);
    expect((await readiness(instance)).ready).toBe(false);

    // At full speed it would have filled the new room before anybody looked.
    device.paceMs = 500;
    rmSync(ballast);
    await until("ready again", async () => (await readiness(instance)).ready);
    await until("acknowledgements", () => Promise.resolve(device.acknowledged > acknowledged + BATCH));
    await device.stop();
    await until("all settled", async () => {
      const { processed, duplicate, inFlight, difference } = (await overview(instance)).ledger.messages;
      return inFlight === 0 && difference === 0 && processed + duplicate >= device.acknowledged;
    });
    expect((await overview(instance)).ledger.messages.processed).toBeGreaterThanOrEqual(device.acknowledged);
    expect(await instance.stop()).toBe(0);
  },
);

/** Publishes big messages; after a lost connection it comes back and sends what was not acknowledged again. */
class PatientDevice {
  acknowledged = 0;
  paceMs = 0;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;
  readonly #instance: Instance;

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      // The connection is closed when the log refuses a message: that is what this device waits out.
      await this.#connection().catch(() => undefined);
      await delay(100);
    }
  }

  async #connection(): Promise<void> {
    const { mqtt, device, token } = this.#instance.ready;
    const peer = await openRaw(Number(new URL(mqtt).port));
    try {
      peer.send(rawConnect({ clientId: "patient", rest: [device, token] }));
      await peer.receive((hex) => hex.startsWith(CONNACK_ACCEPTED));
      for (let packets = 0; !this.#stopped && packets < 60_000; packets += BATCH) {
        const frames = Array.from({ length: BATCH }, (_, index) => {
          const payload = JSON.stringify({ note: "x".repeat(3000), number: this.acknowledged + index });
          return rawPublish("v1/devices/me/telemetry", payload, packets + index + 1);
        });
        peer.send(...frames);
        const whole = CONNACK_ACCEPTED.length + 8 * (packets + BATCH);
        await peer.receive((hex) => hex.length >= whole);
        this.acknowledged += BATCH;
        if (this.paceMs > 0) await delay(this.paceMs);
      }
    } finally {
      peer.socket.destroy();
    }
  }
}

interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

async function readiness(instance: Instance): Promise<Readiness> {
  const text = await (await fetch(`${instance.httpUrl}/readyz`)).text();
  const answer: Readiness = JSON.parse(text);
  return answer;
}

/** NaN when there is none. */
async function gauge(instance: Instance, name: string): Promise<number> {
  const text = await (await fetch(`${instance.httpUrl}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
}

async function overview(instance: Instance): Promise<Overview> {
  const headers = { authorization: `Bearer ${instance.ready.adminToken}` };
  const text = await (await fetch(`${instance.httpUrl}/api/v1/overview`, { headers })).text();
  const answer: Overview = JSON.parse(text);
  return answer;
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within a minute`);
    await delay(100);
  }
}

function mount(megabytes: number) {
  const path = join(directory.path, "disk");
  const mounted = mountMemory(path, megabytes);
  if (mounted === null) throw new Error(`nothing can be mounted on ${path}`);
  cleanups.push(() => mounted.unmount());
  expect(statfsSync(path).blocks).toBeGreaterThan(0);
  return { path, ...mounted };
}

function canMount(): boolean {
  const probe = temporaryDirectory();
  const mounted = mountMemory(join(probe.path, "disk"), 1);
  mounted?.unmount();
  probe.dispose();
  return mounted !== null;
}
