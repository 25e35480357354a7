/** How the log's topics are called on Kafka. */
export interface TopicNames {
  /** `millrace.telemetry` */
  topic(topic: string): string;
  /** `millrace.journal.stage.main` for the journal `stage:main`. */
  journal(name: string): string;
  /** The consumer group in which the journal's positions are committed: `millrace.stage.main`. */
  group(name: string): string;
  /** The consumer group that deals out who owns the journal's partitions: `millrace.owners.stage.main`. */
  owners(name: string): string;
}

/** `prefix` is the installation's name and a dot. Kafka takes letters, digits, `.`, `_` and `-`. */
export function topicNames(prefix: string): TopicNames {
  const plain = (name: string): string => name.replaceAll(":", ".");
  return {
    topic: (topic) => prefix + topic,
    journal: (name) => `${prefix}journal.${plain(name)}`,
    group: (name) => prefix + plain(name),
    owners: (name) => `${prefix}owners.${plain(name)}`,
  };
}
