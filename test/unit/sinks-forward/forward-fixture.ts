import { setTimeout as delay } from "node:timers/promises";
import { MillraceError } from "../../../core/errors.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { createForwardSink, type ForwardSink } from "../../../sinks/forward/forward-sink.ts";
import { decodeForwardBatch } from "../../../wire/forward-batch.ts";
import { createMemoryEventLog } from "../../support/memory-event-log.ts";
import type { EventLog } from "../../../core/event-log.ts";
import type { UpstreamLink } from "../../../sinks/forward/upstream-link.ts";

/** A forwarder on a log in memory, and an upstream that does as it is told. `told`: the payloads that it took, in order. */
export function forwardFixture(wrap: (log: EventLog) => EventLog = (log) => log) {
  const log = createMemoryEventLog({ partitionCount: 2 });
  const metrics = createMetrics();
  const faults: string[] = [];
  const told: string[] = [];
  const upstream = { failure: null as string | null, isSilent: false, sends: 0, underWay: 0, mostUnderWay: 0 };
  let sink: ForwardSink | null = null;
  const link: UpstreamLink = {
    async send(envelope, signal) {
      upstream.sends += 1;
      upstream.underWay += 1;
      upstream.mostUnderWay = Math.max(upstream.mostUnderWay, upstream.underWay);
      try {
        const messages = decodeForwardBatch(envelope).map(({ payload }) => payload.toString());
        while (upstream.isSilent && !signal.aborted) await delay(2);
        await delay(1);
        if (signal.aborted) throw new MillraceError("SINK_UNAVAILABLE", "it was left");
        if (upstream.failure !== null) throw new MillraceError("SINK_UNAVAILABLE", upstream.failure);
        told.push(...messages);
      } finally {
        upstream.underWay -= 1;
      }
    },
    close: () => Promise.resolve(),
  };
  return {
    log,
    faults,
    told,
    upstream,
    /** One message of a device in a partition, without waiting. */
    put(partition: number, device: string, value: string): void {
      log.appendNow("telemetry", partition, [
        { timestamp: 1000, key: `t/${device}`, value: Buffer.from(value), headers: [] },
      ]);
    },
    figure: (name: string, label?: string) =>
      metrics
        .snapshot()
        .filter(
          (sample) => sample.name === name && (label === undefined || Object.values(sample.labels).includes(label)),
        )
        .reduce((sum, { value }) => sum + value, 0),
    reasons: () => sink?.notReadyReasons() ?? [],
    async start(): Promise<void> {
      sink = createForwardSink({
        log: wrap(log),
        generation: 1,
        installation: "abc",
        link,
        clock: { now: () => Date.now() },
        logger: silentLogger,
        metrics,
        onFault: (id, transition, text) => void faults.push(`${id} ${transition}: ${text}`),
        random: () => 0,
      });
      await sink.start();
    },
    /** At once, as a kill would. */
    async kill(): Promise<void> {
      await sink?.stop(AbortSignal.abort());
      sink = null;
    },
  };
}

export type ForwardFixture = ReturnType<typeof forwardFixture>;
