import { setTimeout as delay } from "node:timers/promises";
import { deviceKey } from "../../core/ids.ts";
import { partitionOf } from "../../core/partitioner.ts";
import { POISONED } from "./live-functions.ts";
import { withLiveInstance, type LiveDevice } from "./live-instance.ts";

export interface PoisonRun {
  /** The longest that a reading of another device took to its result, ms: in the poison's partition, and in the others. */
  readonly samePartition: number;
  readonly otherPartitions: number;
  /** The same before the poison came. */
  readonly before: number;
  readonly threadDeaths: number;
  /** Readings with a result, of those that were sent without poison. */
  readonly derived: number;
  readonly sent: number;
}

const PARTITIONS = 2;
const DEVICES = 8;
const EVERY_MS = 50;
const QUIET_MS = 3000;
const AFTER_MS = 10_000;

/** One record from which a function never comes back, while other devices send 20 readings a second each. */
export async function measurePoison(): Promise<PoisonRun> {
  const environment = { MILLRACE_PARTITIONS: String(PARTITIONS) };
  return withLiveInstance({ functions: POISONED, devices: DEVICES, environment }, async ({ client, devices }) => {
    const [poisoned] = devices;
    if (poisoned === undefined) throw new Error("there is no device");
    const neighbours = devices.slice(1);
    let sent = 0;
    const sending = setInterval(() => {
      for (const device of neighbours) device.send();
      sent += neighbours.length;
    }, EVERY_MS);
    await delay(QUIET_MS);
    const before = longest(neighbours);
    poisoned.send({ poison: 1 });
    await delay(AFTER_MS);
    clearInterval(sending);
    await delay(2000);
    const isNear = (device: LiveDevice) => partitionOfDevice(device) === partitionOfDevice(poisoned);
    return {
      samePartition: longest(neighbours.filter(isNear)),
      otherPartitions: longest(neighbours.filter((device) => !isNear(device))),
      before,
      threadDeaths: await client.counter("millrace_function_thread_deaths_total", ""),
      derived: neighbours.reduce((sum, { derived }) => sum + derived.length, 0),
      sent,
    };
  });
}

function partitionOfDevice({ id }: LiveDevice): number {
  return partitionOf(deviceKey("default", id), PARTITIONS);
}

function longest(devices: readonly LiveDevice[]): number {
  return Math.max(...devices.flatMap(({ derived }) => derived));
}
