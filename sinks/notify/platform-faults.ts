import type { Clock } from "../../core/clock.ts";
import type { FaultTransition } from "../../core/fault.ts";
import { LIMITS } from "../../core/limits.ts";
import { notificationId } from "../../core/notification-ids.ts";
import type { NotificationOutbox } from "../../core/registry.ts";

/** Faults of the platform on their way into the outbox. They wait in memory while the registry, perhaps at fault itself, fails. */
export interface PlatformFaults {
  /** Repeats of a transition are dropped; what happened is told each time. */
  add(id: string, transition: FaultTransition, text: string): void;
  /** Moves what waits into the outbox, with copies for these destinations; rejects as the outbox does, and what was not moved still waits. */
  flush(outbox: NotificationOutbox, copies: readonly string[]): Promise<void>;
}

interface WaitingFault {
  readonly notificationId: string;
  readonly body: object;
}

export function createPlatformFaults(clock: Clock): PlatformFaults {
  const raised = new Set<string>();
  const waiting: WaitingFault[] = [];
  return {
    add(id, transition, text) {
      if (transition !== "happened" && raised.has(id) === (transition === "raised")) return;
      if (transition === "raised") raised.add(id);
      else if (transition === "cleared") raised.delete(id);
      const at = clock.now();
      if (waiting.length >= LIMITS.waitingFaultsMax) waiting.shift();
      waiting.push({ notificationId: `platform:${id}:${at}:${transition}`, body: { id, transition, at, text } });
    },
    async flush(outbox, copies) {
      for (let first = waiting[0]; first; first = waiting[0]) {
        for (const addressee of [null, ...copies])
          await outbox.enqueue(notificationId(first.notificationId, addressee), "platform", first.body);
        if (waiting[0] === first) waiting.shift();
      }
    },
  };
}
