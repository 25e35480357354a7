import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../../test/support/instance.ts";
import { watchAsBrowser, type BrowserWatch } from "../browser-watch.ts";
import { DeviceConnection, type BenchDevice } from "../device-connection.ts";
import { createInstanceClient, type InstanceClient } from "../instance-client.ts";
import { ECHO_METRIC } from "./live-functions.ts";

/** An instance with functions and devices, each connected, and with its page open in a browser. */
export interface LiveInstance {
  readonly instance: Instance;
  readonly client: InstanceClient;
  readonly devices: readonly LiveDevice[];
}

export interface LiveDevice {
  readonly id: string;
  /** Publishes one message that tells when it was made. */
  send(more?: Readonly<Record<string, number>>): void;
  /** From PUBLISH to what the function `echo` made of it, in an open page, ms. */
  readonly derived: readonly number[];
  /** The same of the main stage's reading. */
  readonly readings: readonly number[];
}

export interface LiveOptions {
  readonly functions: string;
  readonly devices: number;
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly script?: string;
}

export async function withLiveInstance<T>(
  { functions, devices: count, flags = [], environment = {}, script }: LiveOptions,
  work: (live: LiveInstance) => Promise<T>,
): Promise<T> {
  const directory = temporaryDirectory();
  const data = join(directory.path, "data");
  const open: (DeviceConnection | BrowserWatch)[] = [];
  const instance = await startInstance({
    data,
    flags: ["--no-clickhouse", ...flags],
    environment,
    ...(script === undefined ? {} : { script }),
  });
  try {
    await deploy(functions, data, directory.path);
    const client = createInstanceClient(instance);
    const port = Number(new URL(instance.ready.mqtt).port);
    const devices: LiveDevice[] = [];
    for (const device of count === 0 ? [] : await client.addDevices(count)) {
      const connection = await DeviceConnection.open(port, device);
      const derived = await watchAsBrowser(instance.httpUrl, client.headers, device.id, ECHO_METRIC);
      const readings = await watchAsBrowser(instance.httpUrl, client.headers, device.id);
      open.push(connection, derived, readings);
      devices.push(liveDevice(device, connection, derived, readings));
    }
    return await work({ instance, client, devices });
  } finally {
    for (const one of open) one.close();
    await instance.kill();
    directory.dispose();
  }
}

function liveDevice(
  { id }: BenchDevice,
  connection: DeviceConnection,
  derived: BrowserWatch,
  readings: BrowserWatch,
): LiveDevice {
  return {
    id,
    send(more = {}) {
      const madeAt = performance.timeOrigin + performance.now();
      connection.publish([JSON.stringify({ madeAt, ...more })], madeAt);
    },
    derived: derived.latencies,
    readings: readings.latencies,
  };
}

async function deploy(functions: string, data: string, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, "functions.ts");
  writeFileSync(file, functions);
  const { code, stderr } = await runMillraceAsync(["deploy", file, "--yes", "--data", data]);
  if (code !== 0) throw new Error(`the functions cannot be deployed: ${stderr}`);
}
