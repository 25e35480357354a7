import { visitTopic } from "../support/log-dump.ts";
import type { EventLog } from "../../core/event-log.ts";

/** Readings of distinct messages, and readings beyond the first of a message: embedded, nothing is ever written twice. */
export async function countReadings(log: EventLog): Promise<{ readonly distinct: number; readonly repeated: number }> {
  const numbers = new Map<string, Set<number>>();
  let all = 0;
  await visitTopic(log, "readings", ({ value }) => {
    const { device, metrics }: { device: string; metrics: { n: number } } = JSON.parse(new TextDecoder().decode(value));
    const known = numbers.get(device) ?? new Set();
    numbers.set(device, known.add(metrics.n));
    all += 1;
  });
  const distinct = [...numbers.values()].reduce((sum, { size }) => sum + size, 0);
  return { distinct, repeated: all - distinct };
}
