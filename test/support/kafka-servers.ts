import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  bootstrapOf,
  createKafkaCluster,
  removeKafkaCluster,
  type KafkaCluster,
} from "../../deploy/kafka/kafka-cluster.ts";
import { missingForKafka } from "../../deploy/kafka/kafka-libraries.ts";
import type { BrokerAddress } from "../../log/kafka/kafka-client.ts";

/** Why no broker can be started here; null when one can. */
export const noKafka: string | null = missingForKafka();

export interface KafkaServers {
  readonly cluster: KafkaCluster;
  readonly addresses: readonly BrokerAddress[];
  stop(): Promise<void>;
}

/** Brokers in a folder of their own, for the tests of one file. */
export async function startKafka(
  count: 1 | 3,
  properties: Readonly<Record<string, string>> = {},
): Promise<KafkaServers> {
  const directory = mkdtempSync(join(tmpdir(), "millrace-kafka-"));
  const cluster = await createKafkaCluster(join(directory, "cluster"), count, properties);
  return {
    cluster,
    addresses: addressesOf(bootstrapOf(cluster)),
    stop: () => removeKafkaCluster(directory, cluster),
  };
}

function addressesOf(bootstrap: string): BrokerAddress[] {
  return bootstrap.split(",").map((address) => {
    const [host = "", port = ""] = address.split(":");
    return { host, port: Number(port) };
  });
}
