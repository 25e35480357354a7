/** Groups by topic, as most of Kafka's requests have it; topics and partitions stay in their order. */
export function byTopic<T extends { readonly topic: string }>(items: readonly T[]): Map<string, T[]> {
  return Map.groupBy(items, ({ topic }) => topic);
}
