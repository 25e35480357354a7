import { performance } from "node:perf_hooks";
import { startInstance, temporaryDirectory } from "../test/support/instance.ts";
import { watchAsBrowser } from "./browser-watch.ts";
import { createInstanceClient } from "./instance-client.ts";
import { busyCpuSeconds } from "./machine.ts";
import { cpuSecondsOf, threadCpuSeconds, treeCpuSeconds } from "./process-tree.ts";
import { runLoad } from "./run-load.ts";
import { latencyOf } from "./statistics.ts";
import { probeSync } from "./sync-probe.ts";
import type { Latency } from "./statistics.ts";

export interface MainJobOptions {
  readonly devices: number;
  readonly window: number;
  /** Full load before anything is measured, until the compilers have done their work. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

/** One run of the main job on a fresh data directory. Latencies in ms. */
export interface MainJobRun {
  readonly sync: Latency;
  readonly messages: number;
  /** From the first PUBLISH to the last PUBACK. */
  readonly acknowledgedPerSecond: number;
  /** From the first PUBLISH to the last row in ClickHouse. */
  readonly storedPerSecond: number;
  readonly storedPerCpuSecond: number;
  readonly cpuSeconds: number;
  readonly cpuSecondsByThread: Readonly<Record<string, number>>;
  readonly acknowledgementAtFullLoad: Latency;
  readonly halfLoadPerSecond: number;
  readonly acknowledgementAtHalfLoad: Latency;
  readonly browserAtHalfLoad: Latency;
  /** Rows in ClickHouse for each message, by the audit. */
  readonly rowsPerMessage: number;
  readonly balanced: boolean;
  /** Cores that neither the system nor the benchmark used but somebody else: the more, the less the latencies say. */
  readonly coresOfOthersAtFullLoad: number;
  readonly coresOfOthersAtHalfLoad: number;
}

/** Measures what others on the machine take while `work` runs. */
async function watchOthers<T extends { readonly cpuSeconds: number }>(pid: number, work: () => Promise<T>) {
  const begun = performance.now();
  const [busy, ours, own] = [busyCpuSeconds(), treeCpuSeconds(pid), cpuSecondsOf(process.cpuUsage())];
  const result = await work();
  const seconds = (performance.now() - begun) / 1000;
  const cpuSeconds = treeCpuSeconds(pid) - ours;
  const benchmark = result.cpuSeconds + cpuSecondsOf(process.cpuUsage()) - own;
  const coresOfOthers = Math.max(0, busyCpuSeconds() - busy - cpuSeconds - benchmark) / seconds;
  return { result, seconds, cpuSeconds, coresOfOthers };
}

export async function runMainJob(options: MainJobOptions): Promise<MainJobRun> {
  const directory = temporaryDirectory();
  const sync = probeSync(directory.path);
  const instance = await startInstance({
    data: `${directory.path}/data`,
    flags: ["--log-level", "warn"],
  });
  try {
    const client = createInstanceClient(instance);
    const devices = await client.addDevices(options.devices);
    const load = { port: Number(new URL(instance.ready.mqtt).port), devices, window: options.window };
    const warmUp = await runLoad({ ...load, seconds: options.warmUpSeconds, rate: null });
    await client.settled(warmUp.sent);

    const threadsBefore = threadCpuSeconds(instance.pid);
    const atFull = await watchOthers(instance.pid, async () => {
      const result = await runLoad({ ...load, seconds: options.seconds, rate: null });
      await client.settled(warmUp.sent + result.sent);
      return result;
    });
    const { result: full, seconds, cpuSeconds } = atFull;
    const threadsAfter = threadCpuSeconds(instance.pid);

    const halfLoadPerSecond = full.sent / seconds / 2;
    const watched = devices[0]?.id ?? "";
    const browser = await watchAsBrowser(instance.httpUrl, client.headers, watched);
    const atHalf = await watchOthers(instance.pid, () =>
      runLoad({ ...load, seconds: options.seconds, rate: halfLoadPerSecond }),
    );
    const { result: half } = atHalf;
    const sent = warmUp.sent + full.sent + half.sent;
    await client.settled(sent);
    browser.close();

    const { ledger, balanced } = await client.audit();
    return {
      sync,
      messages: full.sent,
      acknowledgedPerSecond: full.sent / full.seconds,
      storedPerSecond: full.sent / seconds,
      storedPerCpuSecond: full.sent / cpuSeconds,
      cpuSeconds,
      cpuSecondsByThread: Object.fromEntries(
        Object.entries(threadsAfter).map(([name, after]) => [name, after - (threadsBefore[name] ?? 0)]),
      ),
      acknowledgementAtFullLoad: full.acknowledgement,
      halfLoadPerSecond,
      acknowledgementAtHalfLoad: half.acknowledgement,
      browserAtHalfLoad: latencyOf(browser.latencies),
      rowsPerMessage: ledger.values.stored / sent,
      balanced,
      coresOfOthersAtFullLoad: atFull.coresOfOthers,
      coresOfOthersAtHalfLoad: atHalf.coresOfOthers,
    };
  } finally {
    await instance.kill();
    directory.dispose();
  }
}
