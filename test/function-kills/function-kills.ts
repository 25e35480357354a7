import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createRandom } from "../../device-sim/random.ts";
import { DRIVEN_INSTANCE, tellInstance } from "../support/driven-control.ts";
import { runMillraceAsync, temporaryDirectory } from "../support/instance.ts";
import { openInstanceLog } from "../support/log-dump.ts";
import { mortalInstance, type MortalInstance } from "../support/replay-kills.ts";
import { instanceApi, settled } from "../support/replay-run.ts";
import { WindowDevice } from "../kills/window-device.ts";
import { compareWindows, difference, type WindowDifferences } from "./compare-windows.ts";
import { randomStream } from "./random-stream.ts";
import { readStageOutputs } from "./stage-outputs.ts";
import { RELEASE_FUNCTION, TIME, windowFunctions, type WindowFunction } from "./window-functions.ts";
import type { Random } from "../../device-sim/random.ts";

export interface FunctionKillsOptions {
  readonly rounds: number;
  readonly seed: string;
  readonly devices: number;
  readonly say: (text: string) => void;
  /** Aborted: the instance is killed. */
  readonly signal?: AbortSignal;
}

export interface FunctionKillsFigures {
  readonly rounds: number;
  readonly seed: string;
  readonly seconds: number;
  readonly threadKills: number;
  readonly instanceKills: number;
  readonly rescales: number;
  readonly acknowledged: number;
  /** Readings that the functions' stage has read, and how many of them each release has worked. */
  readonly readings: number;
  readonly releases: Readonly<Record<string, number>>;
  readonly windows: Readonly<Record<WindowFunction, WindowDifferences>>;
  /** Readings that no release or more than one has worked. */
  readonly notWorkedOnce: number;
  readonly deadLetters: number;
  readonly ofWrongVersion: number;
  readonly tooEarly: number;
  readonly wrongAcks: number;
  readonly balanced: boolean;
}

const PARTITIONS = 8;
const THREADS = [1, PARTITIONS];
const RESCALE_MS = 5000;
const ROUND_MS = { min: 20, max: 1500 };
/** Of the kills, those of the whole instance. */
const INSTANCE_SHARE = 0.15;
const DRAIN_MS = 60_000;
const SETTLE_MS = 300_000;
const TYPE = "probe";

/** Kills threads of users' functions, and now and then all of an instance, while windows of every kind are computed. */
export async function runFunctionKills(options: FunctionKillsOptions): Promise<FunctionKillsFigures> {
  const directory = temporaryDirectory();
  const data = directory.path;
  const control = join(data, "control.sock");
  const devices: WindowDevice[] = [];
  const begun = performance.now();
  const instance = await mortalInstance(data, ["--no-clickhouse", "--log-level", "warn", "--autoscale", "on"], {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    script: DRIVEN_INSTANCE,
    runMs: { min: 0, max: 0 },
    environment: {
      MILLRACE_TEST_CONTROL: control,
      MILLRACE_PARTITIONS: String(PARTITIONS),
      MILLRACE_FUNCTION_THREADS: String(PARTITIONS),
    },
  });
  const rescaling = rescaleAgainAndAgain(control);
  try {
    await instance.start();
    await instanceApi(data).post("/apply", { types: [{ id: TYPE, ...TIME }] });
    await deploy(data, 1);
    devices.push(...(await addDevices(data, options, instance.mqtt)));
    const kills = await killAndDeploy(data, control, instance, rescaling.wanted, options);
    for (const device of devices) device.finish();
    await rescaling.stop();
    const verdict = await judge(data, instance, devices);
    const { rounds, seed } = options;
    return {
      rounds,
      seed,
      seconds: (performance.now() - begun) / 1000,
      ...kills,
      rescales: rescaling.count(),
      ...verdict,
    };
  } finally {
    await rescaling.stop();
    for (const device of devices) device.close();
    await instance.kill();
    directory.dispose();
  }
}

/** Resolves when all partitions have the functions. */
async function deploy(data: string, release: number): Promise<void> {
  const file = join(data, "windows.ts");
  writeFileSync(file, windowFunctions(release));
  const { code, stderr } = await runMillraceAsync(["deploy", file, "--yes", "--data", data]);
  if (code !== 0) throw new Error(`deploy failed: ${stderr}`);
  await settled(instanceApi(data), SETTLE_MS);
}

async function addDevices(
  data: string,
  { devices: count, seed }: FunctionKillsOptions,
  mqtt: string,
): Promise<WindowDevice[]> {
  const api = instanceApi(data);
  const port = Number(new URL(mqtt).port);
  const tokens: string[] = [];
  for (let index = 0; index < count; index += 1) {
    tokens.push((await api.create<{ token: string }>("/devices", { id: `device-${index}`, type: TYPE })).token);
  }
  const begunAt = Date.now();
  return tokens.map((token, index) => {
    return new WindowDevice(`device-${index}`, token, port, randomStream(seed, index, begunAt));
  });
}

async function killAndDeploy(
  data: string,
  control: string,
  instance: MortalInstance,
  threads: () => number,
  { rounds, seed, say }: FunctionKillsOptions,
): Promise<Pick<FunctionKillsFigures, "threadKills" | "instanceKills">> {
  const random: Random = createRandom(seed);
  let threadKills = 0;
  let instanceKills = 0;
  for (let round = 1; round <= rounds; round += 1) {
    await delay(random.between(ROUND_MS.min, ROUND_MS.max));
    const isInstance = random.next() < INSTANCE_SHARE;
    const place = random.next();
    if (isInstance) {
      await instance.killSoon(random);
      await tellInstance(control, `scale ${threads()}`);
      instanceKills += 1;
    } else {
      const there = Number(await tellInstance(control, `kill ${place}`));
      if (there > 0) threadKills += 1;
    }
    if (round === Math.ceil(rounds / 2)) {
      await redeploy(data);
      say("the second release is deployed");
    }
    say(`round ${round}: ${isInstance ? "the instance was killed" : "a thread was killed"}; ${threads()} threads`);
  }
  return { threadKills, instanceKills };
}

/** In the middle of it all: nothing waits for it to arrive. */
async function redeploy(data: string): Promise<void> {
  const file = join(data, "windows.ts");
  writeFileSync(file, windowFunctions(2));
  const { code, stderr } = await runMillraceAsync(["deploy", file, "--yes", "--data", data]);
  if (code !== 0) throw new Error(`the deploy in the middle failed: ${stderr}`);
}

/** From 1 thread to one for each partition and back. */
function rescaleAgainAndAgain(control: string) {
  let wanted = 1;
  let rescales = 0;
  const timer = setInterval(() => {
    wanted = THREADS[rescales % 2 === 0 ? 1 : 0] ?? 1;
    rescales += 1;
    // An instance that is away is told when it is back.
    void tellInstance(control, `scale ${wanted}`);
  }, RESCALE_MS);
  return {
    wanted: () => wanted,
    count: () => rescales,
    stop: () => Promise.resolve(clearInterval(timer)),
  };
}

type Verdict = Omit<FunctionKillsFigures, "rounds" | "seed" | "seconds" | "threadKills" | "instanceKills" | "rescales">;

/** Lets everything be worked and all time come to its end, then recomputes it from what the log holds. */
async function judge(data: string, instance: MortalInstance, devices: readonly WindowDevice[]): Promise<Verdict> {
  const deadline = performance.now() + DRAIN_MS;
  while (devices.some(({ inFlight }) => inFlight > 0)) {
    if (performance.now() > deadline) throw new Error(`not all is acknowledged within ${DRAIN_MS} ms`);
    await delay(20);
  }
  const api = instanceApi(data);
  await settled(api, SETTLE_MS);
  const flushUpTo = Date.now() + 60_000;
  await api.post("/flush", { upTo: flushUpTo });
  const { balanced } = await settled(api, SETTLE_MS);
  await instance.stop();
  const log = await openInstanceLog(data, PARTITIONS);
  const outputs = await readStageOutputs(log);
  await log.close(AbortSignal.timeout(5000));
  const expected = [...outputs.messages.values()].flat().flatMap(({ device, readings }) => {
    return readings.flatMap(({ ts, values }) => (values["x"] === undefined ? [] : [`${device} ${ts}`]));
  });
  const worked = (outputs.made.get(RELEASE_FUNCTION)?.readings ?? []).map((line) => line.split(" "));
  const releases: Record<string, number> = {};
  for (const [, , made = ""] of worked) {
    const release = made.replaceAll(/\D/g, "");
    releases[release] = (releases[release] ?? 0) + 1;
  }
  const counts = difference(
    expected,
    worked.map(([device, ts]) => `${device} ${ts}`),
    2,
  );
  const windows = compareWindows(outputs, flushUpTo);
  return {
    acknowledged: devices.reduce((sum, device) => sum + device.acknowledged, 0),
    readings: expected.length,
    releases,
    windows,
    notWorkedOnce: counts.missing + counts.doubled + counts.wrong,
    deadLetters: outputs.deadLetters,
    ofWrongVersion: outputs.ofWrongVersion,
    tooEarly: outputs.tooEarly,
    wrongAcks: devices.reduce((sum, device) => sum + device.wrongAcks, 0),
    balanced,
  };
}
