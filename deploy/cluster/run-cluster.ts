import { parseArgs } from "node:util";
import { errorText } from "../../core/errors.ts";
import { noCluster, startCluster, type Cluster } from "../../test/support/cluster.ts";
import { freePort } from "../../test/support/free-port.ts";
import { runMillraceAsync } from "../../test/support/instance.ts";
import { KeptStandby } from "./kept-standby.ts";
import { PlayedKeda } from "./play-keda.ts";

/**
 * `npm run cluster`: a whole installation on this machine, for looking at it: three Kafka brokers, PostgreSQL, Redis, tables behind
 * ClickHouse's HTTP interface, two gateways, two processors, two sinks, the API. Nothing is kept: Ctrl-C ends it and deletes everything.
 *
 * `--scale`: as many processors as the scaler asks for, from none to four. While there is none one process stands by; `--no-standby`: none does.
 */
const { values } = parseArgs({
  options: {
    "http-port": { type: "string", default: "8080" },
    "mqtt-port": { type: "string", default: "1883" },
    scale: { type: "boolean", default: false },
    standby: { type: "boolean", default: true },
  },
  allowNegative: true,
});
const MOST_PROCESSORS = 4;
/** After the scaler says that nothing is to be done, which takes two idle minutes. */
const COOLDOWN_MS = 15_000;
const say = (text: string): void => console.error(text);

if (noCluster === null) await run();
else {
  say(
    `cluster: it needs ${noCluster}. Install it, for example \`apt-get install openjdk-17-jre-headless maven postgresql redis-server\`.`,
  );
  process.exitCode = 1;
}

async function run(): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  say("Starting three Kafka brokers, PostgreSQL, Redis and ClickHouse …");
  const cluster = await startCluster({
    brokers: 3,
    clickhouse: true,
    redis: true,
    prefix: "millrace.",
    partitions: 32,
    environment: { MILLRACE_KAFKA_REPLICATION: "3" },
  });
  let keda: PlayedKeda | null = null;
  try {
    const scalerPort = values.scale ? await freePort() : null;
    await startProcesses(cluster, scalerPort);
    if (scalerPort !== null) keda = scaleProcessors(cluster, scalerPort);
    await stopped;
    say("Ending …");
  } catch (error) {
    say(`cluster: ${errorText(error)}`);
    process.exitCode = 1;
  } finally {
    await keda?.stop().catch((error: unknown) => say(`cluster: ${errorText(error)}`));
    await cluster.dispose();
  }
}

/** As KEDA does it in a cluster, with processes of this machine. */
function scaleProcessors(cluster: Cluster, scalerPort: number): PlayedKeda {
  const standby = values.standby ? new KeptStandby({ standBy: (name) => cluster.standBy(name), say }) : null;
  const keda = new PlayedKeda({
    cluster,
    scalerPort,
    maxReplicas: MOST_PROCESSORS,
    cooldownMs: COOLDOWN_MS,
    standby,
    say,
  });
  keda.start();
  return keda;
}

async function startProcesses(cluster: Cluster, scalerPort: number | null): Promise<void> {
  const processors = scalerPort === null ? ["processors-1", "processors-2"] : [];
  say(
    `Starting the API, two gateways, ${processors.length === 0 ? "no processor yet" : "two processors"} and two sinks …`,
  );
  const mqttPort = Number(values["mqtt-port"]);
  await cluster.start("api", "api", {
    MILLRACE_HTTP_PORT: values["http-port"],
    ...(scalerPort === null ? {} : { MILLRACE_SCALER_PORT: String(scalerPort) }),
  });
  await Promise.all([
    cluster.start("gateway-1", "gateway", { MILLRACE_MQTT_PORT: String(mqttPort) }),
    cluster.start("gateway-2", "gateway", { MILLRACE_MQTT_PORT: String(mqttPort + 1) }),
    ...[...processors, "sinks-1", "sinks-2"].map((name) =>
      cluster.start(name, name.startsWith("sinks") ? "sinks" : "processors"),
    ),
  ]);
  const link = await runMillraceAsync(["link", "--data", cluster.dataOf("api")]);
  const lines = [...cluster.processes].map(([name, { ready, pid }]) => {
    return `  ${name.padEnd(14)}${ready.http.padEnd(26)}${(ready.mqtt ?? "").padEnd(26)}process ${pid}`;
  });
  console.log(`
${link.stdout.trim()}

${lines.join("\n")}

A device, and a fleet that speaks to both gateways:

  npm run millrace -- devices add boiler-1 --data ${cluster.dataOf("api")}
  npm run millrace -- simulate --mqtt mqtt://127.0.0.1:${mqttPort} --data ${cluster.dataOf("api")}
  npm run millrace -- simulate --mqtt mqtt://127.0.0.1:${mqttPort + 1} --data ${cluster.dataOf("api")}

Who has which partitions: kafka-consumer-groups.sh --describe --group millrace.owners.stage.main
End any of the processes and look: the others go on. Ctrl-C ends everything and deletes it.`);
}
