import { setTimeout as delay } from "node:timers/promises";
import { restartBroker } from "../../deploy/kafka/kafka-cluster.ts";
import type { Random } from "../../device-sim/random.ts";
import type { Cluster } from "../support/cluster.ts";

/** Something that goes wrong, and is over when it resolves. */
export interface Fault {
  readonly name: string;
  run(cluster: Cluster, random: Random): Promise<string>;
}

const REPLACED: Readonly<Record<string, readonly string[]>> = {
  gateway: ["gateway-1", "gateway-2"],
  processors: ["processors-1", "processors-2"],
  sinks: ["sinks-1", "sinks-2"],
};

/** Ports stay the same, as behind a service's address. */
export type PortsOf = (name: string) => Readonly<Record<string, string>>;

export function faults(portsOf: PortsOf): readonly Fault[] {
  const replaced = (role: string, how: "kill" | "stop"): Fault => ({
    name: `${how} ${role}`,
    async run(cluster, random) {
      const name = pick(REPLACED[role] ?? [], random);
      await cluster.processes.get(name)?.[how]();
      await delay(random.between(0, 2000));
      await cluster.start(name, role, portsOf(name));
      return name;
    },
  });
  return [
    replaced("gateway", "kill"),
    replaced("processors", "kill"),
    replaced("sinks", "kill"),
    replaced("gateway", "stop"),
    replaced("processors", "stop"),
    {
      name: "kill -9 of a broker",
      async run({ kafka }, random) {
        const { id } = pick(kafka.cluster.brokers, random);
        await restartBroker(kafka.cluster, id, "SIGKILL");
        return String(id);
      },
    },
    {
      name: "a broker stands still",
      async run({ kafka }, random) {
        const { id, pid } = pick(kafka.cluster.brokers, random);
        await frozen(pid, random.between(5000, 15_000));
        return String(id);
      },
    },
    {
      name: "a processor stands still past its session and wakes",
      async run({ processes }, random) {
        const name = pick(REPLACED["processors"] ?? [], random);
        const pid = processes.get(name)?.pid;
        if (pid !== undefined) await frozen(pid, 10_000);
        return name;
      },
    },
    {
      name: "PostgreSQL is killed and comes back",
      async run({ postgres }, random) {
        await postgres.kill();
        await delay(random.between(500, 4000));
        await postgres.start();
        return "";
      },
    },
    {
      name: "ClickHouse is away",
      async run({ clickhouse }, random) {
        await clickhouse?.down();
        await delay(random.between(1000, 8000));
        await clickhouse?.up();
        return "";
      },
    },
    {
      name: "ClickHouse resets connections after it has committed",
      run({ clickhouse }) {
        if (clickhouse !== null) clickhouse.faults.resetsAfterCommit += 3;
        return Promise.resolve("");
      },
    },
  ];
}

export function pick<T>(items: readonly T[], random: Random): T {
  const item = items[Math.floor(random.next() * items.length)];
  if (item === undefined) throw new Error("nothing to pick from");
  return item;
}

async function frozen(pid: number, ms: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  try {
    await delay(ms);
  } finally {
    process.kill(pid, "SIGCONT");
  }
}
