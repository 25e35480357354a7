/**
 * The log's topics. `telemetry` carries payload bytes untouched; the derived ones carry JSON with a version field `v`. `commands` is
 * reserved: for what is sent to devices; nobody writes or reads it yet.
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
] as const;

export type TopicName = (typeof TOPICS)[number];

/** Topics that a function of a stage may write to. */
export type OutputTopic = Exclude<TopicName, "telemetry" | "commands">;

export function isTopicName(text: string): text is TopicName {
  return (TOPICS as readonly string[]).includes(text);
}
