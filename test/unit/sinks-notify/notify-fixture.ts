import { setTimeout as sleep } from "node:timers/promises";
import { createMetrics } from "../../../core/metrics.ts";
import type { AlarmEvent } from "../../../core/derived-records.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createNotifySink, type NotifySink } from "../../../sinks/notify/notify-sink.ts";
import type { NotifySinkOptions } from "../../../sinks/notify/notify-options.ts";
import { createMemoryAlarmRegistry } from "../../support/memory-registry.ts";
import { createMemoryEventLog } from "./memory-event-log.ts";

export const SECRET = "a secret of the receiver";

export function alarmEvent(id: string, transition: AlarmEvent["transition"] = "raised"): AlarmEvent {
  return {
    v: 1,
    tenant: "t",
    device: "d",
    id,
    rule: "hot",
    ruleName: "Too hot",
    severity: "high",
    transition,
    ts: 1_000_000,
    since: 1_000_000,
    received: Date.now(),
    metric: "t",
    value: 99,
    message: "It is 99 °C.",
  };
}

/** A sink on a memory log and registry, with a clock that can be set ahead. */
export function notifyFixture(urls: readonly string[]) {
  const log = createMemoryEventLog();
  const registry = createMemoryAlarmRegistry();
  const metrics = createMetrics();
  const faults: string[] = [];
  let aheadMs = 0;
  const options: NotifySinkOptions = {
    log,
    alarms: registry.alarms,
    outbox: registry.outbox,
    webhooks: urls.map((url) => ({ url, secret: SECRET })),
    clock: { now: () => Date.now() + aheadMs },
    logger: silentLogger,
    metrics,
    onFault: (id, transition, text) => void faults.push(`${id} ${transition}: ${text}`),
    random: () => 0,
  };
  const sinks: NotifySink[] = [];
  return {
    log,
    registry,
    faults,
    options,
    setAhead: (ms: number) => void (aheadMs = ms),
    count: (name: string, result?: string) =>
      metrics
        .snapshot()
        .filter((s) => s.name === name && (result === undefined || s.labels["result"] === result))
        .reduce((sum, s) => sum + s.value, 0),
    /** The state of each destination's breaker, in their order. */
    breakers: () =>
      metrics.snapshot().flatMap(({ name, value }) => (name === "millrace_sink_breaker_state" ? [value] : [])),
    start: async () => {
      const sink = createNotifySink(options);
      sinks.push(sink);
      await sink.start();
      return sink;
    },
    /** Stops at once, as a kill would: requests under way are cut off, nothing more is written. */
    kill: async () => {
      await Promise.all(sinks.splice(0).map((sink) => sink.stop(AbortSignal.abort())));
    },
    stop: async () => {
      await Promise.all(sinks.splice(0).map((sink) => sink.stop(AbortSignal.timeout(5000))));
    },
  };
}

/** Waits until the condition holds; the test's own time-out is the ceiling. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}
