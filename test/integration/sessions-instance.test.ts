import { spawnSync } from "node:child_process";
import { connect, connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Instance, startInstance, temporaryDirectory } from "../support/instance.ts";

const withoutMosquitto = spawnSync("mosquitto_sub", ["--help"]).error !== undefined;

const data = temporaryDirectory();
let instance: Instance;
let port: string;

async function start(): Promise<void> {
  instance = await startInstance({ data: data.path });
  ({ port } = new URL(instance.ready.mqtt));
}

beforeAll(async () => {
  await start();
});

afterAll(async () => {
  await instance.kill();
  data.dispose();
});

const credentials = (): readonly string[] => ["-p", port, "-u", instance.ready.device, "-P", instance.ready.token];
const topic = (): string => `millrace/default/${instance.ready.device}/telemetry`;

function mosquitto(tool: "pub" | "sub", ...flags: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(`mosquitto_${tool}`, [...credentials(), ...flags], {
    encoding: "utf8",
    timeout: 20_000,
  });
  if (status !== 0) throw new Error(`mosquitto_${tool} ended with ${status}: ${stderr}`);
  return stdout;
}

const publish = (payload: string, ...flags: readonly string[]): string =>
  mosquitto("pub", "-t", topic(), "-m", payload, ...flags);

describe("with mosquitto's clients (need the mosquitto-clients package)", () => {
  test.skipIf(withoutMosquitto)("a kept session gets through kill -9 what came while its client was away", async () => {
    const kept = ["-i", "kept", "-c", "-q", "2", "-t", topic(), "-F", "%q %r %p"];
    // -E: it leaves when its subscription stands.
    mosquitto("sub", ...kept, "-E");
    publish('{"t":1}', "-q", "1");
    publish('{"t":2}', "-q", "2");
    await instance.kill();
    await start();
    publish('{"t":3}', "-q", "1");
    expect(
      mosquitto("sub", ...kept, "-C", "3")
        .trim()
        .split("\n"),
    ).toEqual(['1 0 {"t":1}', '1 0 {"t":3}', '2 0 {"t":2}']);
    publish('{"t":4}', "-q", "1");
    expect(mosquitto("sub", ...kept, "-C", "1").trim()).toBe('1 0 {"t":4}');
  });

  test.skipIf(withoutMosquitto)("a retained message stands after kill -9, until an empty one removes it", async () => {
    publish('{"t":5}', "-q", "1", "-r");
    await instance.kill();
    await start();
    const asked = ["-t", topic(), "-F", "%r %p"];
    expect(mosquitto("sub", ...asked, "-C", "1").trim()).toBe('1 {"t":5}');
    mosquitto("pub", "-t", topic(), "-n", "-q", "1", "-r");
    // -W: nothing came in a second.
    const nothing = spawnSync("mosquitto_sub", [...credentials(), ...asked, "-W", "1"], { encoding: "utf8" });
    expect(nothing.stdout).toBe("");
  });
});

test("the mqtt package's client finds its session again, and its QoS 2 messages come once", async () => {
  const options = { username: instance.ready.device, password: instance.ready.token, reconnectPeriod: 0 };
  const kept = { ...options, clientId: "npm", clean: false };
  const first = await connectAsync(instance.ready.mqtt, kept);
  await first.subscribeAsync(topic(), { qos: 2 });
  await first.endAsync();
  const publisher = await connectAsync(instance.ready.mqtt, options);
  for (const n of [1, 2, 3]) await publisher.publishAsync(topic(), `{"n":${n}}`, { qos: 2 });
  await publisher.endAsync();
  const again = connect(instance.ready.mqtt, kept);
  const received: string[] = [];
  again.on("message", (_topic, payload) => received.push(payload.toString()));
  await expect.poll(() => received, { timeout: 10_000 }).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
  await again.endAsync();
});
