/** For people: what makes a topic that edges forward into. `place` is the Kafka's, as `kafka://host:9092`. */
export function createTopicCommand(place: string, topic: string): string {
  const brokers = place.replace(/^\w+:\/\//, "");
  return `kafka-topics.sh --bootstrap-server ${brokers} --create --topic ${topic} --partitions 1 --replication-factor 3 --config min.insync.replicas=2`;
}
