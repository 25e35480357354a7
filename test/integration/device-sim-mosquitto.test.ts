import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect as connectTcp, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { connectAsync, type MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createFleet, nameFleet } from "../../device-sim/fleet.ts";
import { createRandom } from "../../device-sim/random.ts";
import { replay, type ReplayMessage } from "../../device-sim/replay/replay.ts";
import { freePort } from "../support/free-port.ts";
import { runFleet } from "../../device-sim/run-fleet.ts";

const hasMosquitto = spawnSync("mosquitto", ["-h"]).error === undefined;
const DEVICES = ["a", "b", "c", "d"];
const COUNT = 1500;
const tokens = () => ({ token: "anything" });

describe.skipIf(!hasMosquitto)("against mosquitto (needs the mosquitto package)", () => {
  let folder = "";
  let broker: ChildProcess;
  let brokerPort = 0;
  let subscriber: MqttClient;
  const heard: { device: string; n: number }[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "millrace-mosquitto-"));
    brokerPort = await freePort();
    const config = join(folder, "mosquitto.conf");
    await writeFile(
      config,
      `listener ${brokerPort} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\npersistence false\n`,
    );
    broker = spawn("mosquitto", ["-c", config], { stdio: "ignore" });
    subscriber = await connectWhenReady(brokerPort);
    subscriber.on("message", (_topic, payload) => heard.push(JSON.parse(payload.toString())));
    await subscriber.subscribeAsync("v1/devices/me/telemetry", { qos: 1 });
  });

  afterAll(async () => {
    await subscriber.endAsync(true);
    broker.kill("SIGKILL");
    await rm(folder, { recursive: true });
  });

  test("a replay whose connections are cut, and that is shut out for a while, loses nothing and keeps each device's order", async () => {
    heard.length = 0;
    const line = await openBadLine(brokerPort, 12_000);
    const running = replay({
      messages: recording(),
      speed: "max",
      url: `mqtt://127.0.0.1:${line.port}`,
      tokens,
      backoffMs: { min: 5, max: 100 },
      onProgress: ({ acknowledged }) => acknowledged > COUNT && line.shutOutOnce(1000),
    });
    const result = await running;
    await line.close();
    expect(result).toMatchObject({ acknowledged: DEVICES.length * COUNT, complete: true });
    expect(result.resent).toBeGreaterThan(0);
    expect(line.cuts()).toBeGreaterThan(5);
    await until(() => new Set(heard.map(({ device, n }) => `${device} ${n}`)).size === DEVICES.length * COUNT);
    for (const device of DEVICES) {
      const firsts = [...new Set(heard.filter((message) => message.device === device).map(({ n }) => n))];
      expect(firsts).toEqual(Array.from({ length: COUNT }, (_, n) => n));
    }
  });

  test("a fleet's messages all arrive", async () => {
    heard.length = 0;
    const fleet = createFleet({ devices: nameFleet(12), seed: 3, startAt: Date.now() });
    const result = await runFleet({
      fleet,
      rate: 400,
      connect: { url: `mqtt://127.0.0.1:${brokerPort}` },
      credentials: tokens,
      messagesMax: 400,
    });
    expect(result).toMatchObject({ sent: 400, acknowledged: 400, dropped: 0, refused: 0 });
    await until(() => heard.length === 400);
  });
});

async function* recording(): AsyncGenerator<ReplayMessage> {
  for (let n = 0; n < COUNT; n++) {
    for (const device of DEVICES) {
      yield { deviceId: device, ts: n, payload: Buffer.from(JSON.stringify({ device, n })) };
    }
  }
}

/** A relay to the broker that cuts each connection after some bytes, in either direction, wherever in a packet that is. */
async function openBadLine(targetPort: number, bytesMax: number) {
  const random = createRandom("bad line");
  const sockets = new Set<Socket>();
  let cuts = 0;
  let shutUntil = 0;
  let shut = false;
  const server: Server = createServer((near) => {
    const far = connectTcp(targetPort, "127.0.0.1");
    const end = () => {
      near.destroy();
      far.destroy();
    };
    let bytesLeft = random.between(0, bytesMax);
    const relay = (to: Socket) => (chunk: Buffer) => {
      to.write(chunk.subarray(0, bytesLeft));
      bytesLeft -= chunk.length;
      if (bytesLeft > 0) return;
      cuts++;
      end();
    };
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", end);
      socket.on("close", end);
    }
    near.on("data", relay(far));
    far.on("data", relay(near));
    if (Date.now() < shutUntil) end();
  });
  const port = await listen(server);
  return {
    port,
    cuts: () => cuts,
    shutOutOnce(ms: number) {
      if (shut) return;
      shut = true;
      shutUntil = Date.now() + ms;
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return portOf(server.address());
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("the server listens on no port");
  return address.port;
}

async function connectWhenReady(port: number): Promise<MqttClient> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await connectAsync({ host: "127.0.0.1", port, reconnectPeriod: 0 });
    } catch (error) {
      if (attempt > 50) throw error;
      await setTimeout(100);
    }
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setTimeout(5);
}
