import { setTimeout as delay } from "node:timers/promises";
import { isLost } from "./kafka-broker.ts";

const RETRY_MS = 200;

/** Again and again while brokers are away: a leader that has just died is missed for seconds. Rejects with the last failure after `waitMs`. */
export async function whileLost<T>(waitMs: number, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isLost(error) || performance.now() > deadline) throw error;
      await delay(RETRY_MS);
    }
  }
}
