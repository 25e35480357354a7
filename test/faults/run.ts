import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createRandom } from "../../device-sim/random.ts";
import { noCluster, startCluster, type Cluster } from "../support/cluster.ts";
import { freePort } from "../support/free-port.ts";
import { runMillraceAsync } from "../support/instance.ts";
import { instanceApi, settled } from "../support/replay-run.ts";
import { faults, pick } from "./faults.ts";
import { Fleet, type FleetDevice } from "./fleet.ts";
import { judge } from "./verdict.ts";

/**
 * `npm run faults -- --seed N --seconds S`: a whole installation on three brokers, a fleet that publishes, and faults one after the other.
 * At the end everything must have recovered by itself, and the log must say what the fleet's own ledger says. Exit code 1 when not.
 */
const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    seconds: { type: "string", default: "120" },
    devices: { type: "string", default: "20" },
  },
});
const PARTITIONS = 8;
const PREFIX = "faults.";
const RECOVERY_MS = 60_000;
const SETTLE_MS = 180_000;

if (noCluster !== null) throw new Error(`the faults need ${noCluster}`);
const begun = performance.now();
const say = (text: string): void => console.log(`${((performance.now() - begun) / 1000).toFixed(1)} s  ${text}`);
const random = createRandom(`faults ${values.seed}`);
const cluster = await startCluster({
  brokers: 3,
  clickhouse: true,
  redis: true,
  prefix: PREFIX,
  partitions: PARTITIONS,
  environment: { MILLRACE_KAFKA_REPLICATION: "3" },
});
try {
  await run();
} finally {
  await cluster.dispose();
}

async function run(): Promise<void> {
  const ports = new Map<string, number>();
  for (const name of ["gateway-1", "gateway-2"]) ports.set(name, await freePort());
  const portsOf = (name: string): Record<string, string> => {
    const port = ports.get(name);
    return port === undefined ? {} : { MILLRACE_MQTT_PORT: String(port) };
  };
  await cluster.start("api", "api");
  const others = ["gateway-1", "gateway-2", "processors-1", "processors-2", "sinks-1", "sinks-2"];
  await Promise.all(others.map((name) => cluster.start(name, name.split("-")[0] ?? "", portsOf(name))));
  say(`${cluster.processes.size} processes on three brokers are ready`);

  const fleet = new Fleet(await addDevices(cluster, Number(values.devices)), [...ports.values()]);
  fleet.start();
  const all = faults(portsOf);
  const until = performance.now() + Number(values.seconds) * 1000;
  while (performance.now() < until) {
    await delay(random.between(1000, 4000));
    const fault = pick(all, random);
    const where = await fault.run(cluster, random);
    say(`${fault.name} ${where}: over; ${fleet.acknowledged} of ${fleet.sent} acknowledged`);
  }
  const over = performance.now();
  await fleet.stop(RECOVERY_MS);
  await untilReady(cluster, over);
  say(`recovered ${((performance.now() - over) / 1000).toFixed(1)} s after the last fault`);

  const api = instanceApi(cluster.dataOf("api"));
  await api.post("/flush", { upTo: fleet.lastTime + 120_000 });
  const audit = await settled(api, SETTLE_MS);
  const verdict = await judge(cluster, fleet, PREFIX, PARTITIONS);
  const { balanced, storedOnce, mismatches } = audit;
  console.log(JSON.stringify({ seed: values.seed, ...verdict, balanced, storedOnce, mismatches: mismatches.length }));
  const { missing, readingsWrong, windowsWrong } = verdict;
  const unacknowledged = fleet.sent - fleet.acknowledged;
  const isRight = balanced && storedOnce && missing + readingsWrong + windowsWrong + unacknowledged === 0;
  process.exitCode = isRight ? 0 : 1;
}

async function addDevices({ dataOf }: Cluster, count: number): Promise<FleetDevice[]> {
  const devices: FleetDevice[] = [];
  for (let index = 0; index < count; index++) {
    const id = `device-${index}`;
    const added = await runMillraceAsync(["devices", "add", id, "--json", "--data", dataOf("api")]);
    if (added.code !== 0) throw new Error(added.stderr);
    const { token }: { token: string } = JSON.parse(added.stdout);
    devices.push({ id, token });
  }
  return devices;
}

async function untilReady({ processes }: Cluster, since: number): Promise<void> {
  for (;;) {
    const answers = await Promise.all([...processes.values()].map(({ ready }) => readiness(ready.http)));
    if (answers.every((reasons) => reasons.length === 0)) return;
    if (performance.now() - since > RECOVERY_MS) throw new Error(`not ready: ${JSON.stringify(answers)}`);
    await delay(200);
  }
}

async function readiness(url: string): Promise<readonly string[]> {
  try {
    const { reasons }: { reasons: readonly string[] } = JSON.parse(await (await fetch(`${url}/readyz`)).text());
    return reasons;
  } catch (error) {
    return [String(error)];
  }
}
