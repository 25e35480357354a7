import { errorText } from "../../core/errors.ts";
import { bootstrapOf, createKafkaCluster } from "./kafka-cluster.ts";

/** `node deploy/kafka/kafka-up.ts [1|3] [FOLDER]`: a Kafka cluster on this machine, for trying things out and for tests. */
const [count = "1", directory = "data/kafka"] = process.argv.slice(2);
try {
  if (count !== "1" && count !== "3") throw new Error(`${count} brokers: a cluster has 1 or 3`);
  console.error(`Starting ${count === "1" ? "one Kafka broker" : "three Kafka brokers"} in ${directory} …`);
  const cluster = await createKafkaCluster(directory, count === "1" ? 1 : 3);
  console.log(`KAFKA_BROKERS=${bootstrapOf(cluster)}`);
  console.error("npm run kafka:down ends it and deletes the folder.");
} catch (error) {
  console.error(`kafka:up: ${errorText(error)}`);
  process.exitCode = 1;
}
