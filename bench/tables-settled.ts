import { setTimeout as delay } from "node:timers/promises";
import type { EmbeddedLog } from "../log/embedded/open-embedded-log.ts";

/** Until the sink's journal has reached the ends of the log. */
export async function untilSettled(log: EmbeddedLog, pollMs = 50): Promise<void> {
  for (;;) {
    const { journals, partitions } = await log.status();
    const done = new Map(
      journals[0]?.positions.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]),
    );
    if (partitions.every(({ topic, partition, endOffset }) => endOffset === (done.get(`${topic}/${partition}`) ?? 0)))
      return;
    await delay(pollMs);
  }
}
