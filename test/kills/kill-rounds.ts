import { setTimeout as delay } from "node:timers/promises";
import { createRandom } from "../../device-sim/random.ts";
import { temporaryDirectory } from "../support/instance.ts";
import { openInstanceLog } from "../support/log-dump.ts";
import { mortalInstance, type MortalInstance } from "../support/replay-kills.ts";
import { instanceApi, settled } from "../support/replay-run.ts";
import { DeviceOrders } from "./device-orders.ts";
import { countReadings } from "./reading-counts.ts";
import { WindowDevice } from "./window-device.ts";

export interface KillOptions {
  readonly rounds: number;
  readonly seed: string;
  readonly devices: number;
  readonly say: (text: string) => void;
  /** Aborted: the instance is killed. */
  readonly signal?: AbortSignal;
}

/** What must be 0 of each, and how much there was of it. */
export interface KillFigures {
  readonly rounds: number;
  readonly seed: string;
  readonly seconds: number;
  readonly sent: number;
  readonly acknowledged: number;
  /** Messages sent again because a kill came before their PUBACK, and how many of those the log had already. */
  readonly resent: number;
  readonly repeated: number;
  /** Acknowledged and not in the log. */
  readonly missing: number;
  /** In the log behind a greater number of the device. */
  readonly disordered: number;
  /** Partitions that ended earlier than after a kill before. */
  readonly shortened: number;
  readonly wrongAcks: number;
  /** Messages without exactly one reading, and messages that the stage's ledger does not have as processed or duplicate. */
  readonly notCountedOnce: number;
  readonly ledgerDifference: number;
}

const RUN_MS = { min: 20, max: 500 };
const DRAIN_MS_MAX = 60_000;
const SETTLE_MS = 300_000;

/** Kills an instance again and again while devices publish, and looks into its log after every kill. */
export async function runKillRounds(options: KillOptions): Promise<KillFigures> {
  const directory = temporaryDirectory();
  const orders = new DeviceOrders();
  const devices: WindowDevice[] = [];
  let report = "";
  const instance = await mortalInstance(directory.path, ["--no-clickhouse", "--log-level", "warn"], {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    runMs: RUN_MS,
    whenDead: async () => {
      await Promise.all(devices.map((device) => device.gone()));
      const log = await openInstanceLog(directory.path);
      await orders.readOn(log);
      await log.close(AbortSignal.timeout(5000));
      report = roundText(devices, orders);
    },
  });
  try {
    const begun = performance.now();
    await instance.start();
    devices.push(...(await addDevices(directory.path, options.devices, instance.mqtt)));
    const random = createRandom(options.seed);
    for (let round = 1; round <= options.rounds; round += 1) {
      const roundBegun = performance.now();
      await instance.killSoon(random);
      options.say(`round ${round}: ${report}; ${secondsSince(roundBegun).toFixed(1)} s`);
    }
    return { ...(await judge(directory.path, instance, devices, orders, options)), seconds: secondsSince(begun) };
  } finally {
    for (const device of devices) device.close();
    await instance.kill();
    directory.dispose();
  }
}

async function addDevices(data: string, count: number, mqtt: string): Promise<WindowDevice[]> {
  const api = instanceApi(data);
  const port = Number(new URL(mqtt).port);
  const devices: WindowDevice[] = [];
  for (let index = 0; index < count; index += 1) {
    const id = `device-${index}`;
    const { token } = await api.create<{ token: string }>("/devices", { id });
    devices.push(new WindowDevice(id, token, port));
  }
  return devices;
}

/** Lets everything be acknowledged and worked, then reads the whole log once more, from its beginning. */
async function judge(
  data: string,
  instance: MortalInstance,
  devices: readonly WindowDevice[],
  orders: DeviceOrders,
  { rounds, seed, say }: KillOptions,
): Promise<Omit<KillFigures, "seconds">> {
  for (const device of devices) device.finish();
  const deadline = performance.now() + DRAIN_MS_MAX;
  while (devices.some(({ inFlight }) => inFlight > 0)) {
    if (performance.now() > deadline) throw new Error(`not all is acknowledged within ${DRAIN_MS_MAX} ms`);
    await delay(20);
  }
  say("all is acknowledged");
  const { ledger } = await settled(instanceApi(data), SETTLE_MS);
  await instance.stop();
  const log = await openInstanceLog(data);
  const whole = new DeviceOrders();
  await whole.readOn(log);
  await orders.readOn(log);
  const readings = await countReadings(log);
  await log.close(AbortSignal.timeout(5000));
  const acknowledged = sumOf(devices, (device) => device.acknowledged);
  const missing = sumOf(devices, (device) => whole.missing(device.id, device.acknowledged));
  const distinct = acknowledged - missing;
  const { processed, duplicate } = ledger.messages;
  return {
    rounds,
    seed,
    sent: sumOf(devices, ({ sent }) => sent),
    acknowledged,
    resent: sumOf(devices, ({ resent }) => resent),
    repeated: whole.repeated,
    missing,
    disordered: whole.disordered,
    shortened: orders.shortened,
    wrongAcks: sumOf(devices, ({ wrongAcks }) => wrongAcks),
    notCountedOnce: readings.repeated + Math.abs(distinct - readings.distinct),
    ledgerDifference: Math.abs(distinct - processed) + Math.abs(whole.repeated - duplicate),
  };
}

function roundText(devices: readonly WindowDevice[], orders: DeviceOrders): string {
  const acknowledged = sumOf(devices, (device) => device.acknowledged);
  const inFlight = sumOf(devices, (device) => device.inFlight);
  const landed = sumOf(devices, ({ id, acknowledged: below }) => orders.beyond(id, below));
  const missing = sumOf(devices, ({ id, acknowledged: below }) => orders.missing(id, below));
  return `${acknowledged} acknowledged, ${missing} missing, ${orders.disordered} out of order; ${inFlight} in flight, ${landed} of them in the log`;
}

function sumOf(devices: readonly WindowDevice[], value: (device: WindowDevice) => number): number {
  return devices.reduce((sum, device) => sum + value(device), 0);
}

function secondsSince(begun: number): number {
  return (performance.now() - begun) / 1000;
}
