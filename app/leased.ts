import type { ConsumerGroups } from "../core/consumer-group.ts";
import type { Service } from "../core/lifecycle.ts";

/** The next owner waits for this one. */
const HAND_OVER_MS = 10_000;

/**
 * A service that runs in one process of the installation at a time: in the one that the group of `consumer` gives partition 0 to. `make`
 * is called each time it comes here. When two run for a moment, what they write is fenced or repeated, never lost.
 */
export function leased<S extends Service>(
  groups: ConsumerGroups,
  consumer: string,
  make: () => S,
): Service & { readonly current: S | null } {
  let current: S | null = null;
  const member = groups.join(consumer, {
    async take(partitions) {
      if (!partitions.includes(0) || current !== null) return;
      current = make();
      await current.start();
    },
    async release(partitions) {
      if (!partitions.includes(0)) return;
      const service = current;
      current = null;
      await service?.stop(AbortSignal.timeout(HAND_OVER_MS));
    },
  });
  return {
    get current() {
      return current;
    },
    start: () => member.start(),
    stop: (signal) => member.stop(signal),
  };
}
