import { setTimeout as delay } from "node:timers/promises";
import { ECHO, HOSTILE } from "./live-functions.ts";
import { withLiveInstance, type LiveInstance } from "./live-instance.ts";

/** Readings of the main stage, from PUBLISH to an open page, ms. */
export interface HostileRun {
  readonly alone: readonly number[];
  readonly besideHostile: readonly number[];
  /** Records that ended its thread, of the hostile function. */
  readonly threadDeaths: number;
}

const DEVICES = 10;
/** 200 readings a second in all, each of which the hostile function answers with 50 kB of print. */
const EVERY_MS = 50;
const WARM_UP_MS = 4000;
/** One reading in so many is one from which the hostile function never comes back. */
const POISON_EVERY = 1000;

/** What the main stage's results take, without users' functions that misbehave and with them. */
export async function measureHostile(seconds: number): Promise<HostileRun> {
  const devices = DEVICES;
  const alone = await withLiveInstance({ functions: ECHO, devices }, (live) => sendFor(live, seconds));
  return withLiveInstance({ functions: HOSTILE, devices }, async (live) => {
    const besideHostile = await sendFor(live, seconds);
    const { client } = live;
    const threadDeaths = await client.counter("millrace_function_thread_deaths_total", "");
    return { alone, besideHostile, threadDeaths };
  });
}

async function sendFor({ devices }: LiveInstance, seconds: number): Promise<readonly number[]> {
  let n = 0;
  const sending = setInterval(() => {
    for (const device of devices) {
      device.send({ n, poison: n % POISON_EVERY === POISON_EVERY - 1 ? 1 : 0 });
      n += 1;
    }
  }, EVERY_MS);
  await delay(WARM_UP_MS);
  const before = devices.map(({ readings }) => readings.length);
  await delay(seconds * 1000);
  clearInterval(sending);
  await delay(1000);
  return devices.flatMap(({ readings }, index) => readings.slice(before[index]));
}
