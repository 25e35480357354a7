import { readKafkaCluster, removeKafkaCluster } from "./kafka-cluster.ts";

/** `node deploy/kafka/kafka-down.ts [FOLDER]`: ends what kafka-up started there, by process id. */
const [directory = "data/kafka"] = process.argv.slice(2);
const cluster = readKafkaCluster(directory);
if (cluster === null) {
  console.error(`kafka:down: there is no Kafka cluster in ${directory}.`);
  process.exitCode = 1;
} else {
  await removeKafkaCluster(directory, cluster);
  console.error(`The Kafka cluster in ${directory} has ended, and the folder is deleted.`);
}
