/**
 * The log's topics. `telemetry` carries payload bytes untouched; the derived ones carry JSON with a version field `v`. `commands` is
 * reserved: for what is sent to devices; nobody writes or reads it yet. `repartition` carries readings to the partition of what they are
 * joined by: it lies between two stages, and no sink reads it.
 */
export const TOPICS = [
  "telemetry",
  "readings",
  "aggregates",
  "alarms",
  "quarantine",
  "dead-letters",
  "device-events",
  "commands",
  "repartition",
] as const;

export type TopicName = (typeof TOPICS)[number];

/** Topics that a function of a stage may write to. */
export type OutputTopic = Exclude<TopicName, "telemetry" | "commands">;

/** Topics whose records are stored in tables. */
export type StoredTopic = Exclude<OutputTopic, "repartition">;

export function isTopicName(text: string): text is TopicName {
  return (TOPICS as readonly string[]).includes(text);
}
