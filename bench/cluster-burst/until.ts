import { setTimeout as delay } from "node:timers/promises";

const STEP_MS = 5;

/** True when the condition came to hold within the time. */
export async function until(condition: () => boolean, waitMs: number): Promise<boolean> {
  const deadline = performance.now() + waitMs;
  while (!condition() && performance.now() < deadline) await delay(STEP_MS);
  return condition();
}
