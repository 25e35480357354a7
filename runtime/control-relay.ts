import { untilAborted } from "../core/aborted.ts";
import { pause } from "../core/pause.ts";
import { partitionOf } from "../core/partitioner.ts";
import { HEADER } from "../core/record.ts";
import { createOutage } from "./outage.ts";
import type { Clock } from "../core/clock.ts";
import type { LogAppender } from "../core/event-log.ts";
import type { Service } from "../core/lifecycle.ts";
import type { Logger } from "../core/logger.ts";
import type { RecordInput } from "../core/record.ts";
import type { ControlOutbox, OutboxEntry } from "../core/registry.ts";

export interface ControlRelayOptions {
  readonly outbox: ControlOutbox;
  readonly log: LogAppender;
  readonly partitionCount: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const BATCH = 500;
const POLL_MS = 50;

/**
 * Carries control records from the registry's outbox into `telemetry`, in order, at least once: a record may be appended again after
 * a crash, and stages drop revisions that they have.
 */
export function createControlRelay(options: ControlRelayOptions): Service {
  const outage = createOutage("control records do not reach the log", POLL_MS, options.logger);
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const pauseMs = await round();
      if (pauseMs > 0) await pause(pauseMs, stopping.signal);
    }
  };

  /** Returns how long to wait before the next one. */
  const round = async (): Promise<number> => {
    try {
      const moved = await relayPending(options);
      outage.succeeded();
      return moved === 0 ? POLL_MS : 0;
    } catch (error) {
      return outage.failed(error);
    }
  };

  return {
    start() {
      running = loop();
      return Promise.resolve();
    },
    async stop(signal) {
      stopping.abort();
      await untilAborted(running, signal);
    },
  };
}

async function relayPending(options: ControlRelayOptions): Promise<number> {
  const entries = await options.outbox.pending(BATCH);
  const last = entries.at(-1);
  if (last === undefined) return 0;
  // One append per partition keeps the entries' order there; markSent covers the whole batch once all of it is durable.
  const byPartition = new Map<number, RecordInput[]>();
  for (const entry of entries) {
    const record = controlRecord(entry, options.clock.now());
    for (const partition of targetPartitions(entry, options.partitionCount)) {
      byPartition.set(partition, [...(byPartition.get(partition) ?? []), record]);
    }
  }
  await Promise.all(
    [...byPartition].map(([partition, records]) => options.log.append("telemetry", partition, records)),
  );
  await options.outbox.markSent(last.sequence);
  return entries.length;
}

function targetPartitions(entry: OutboxEntry, partitionCount: number): number[] {
  if (entry.key !== null) return [partitionOf(entry.key, partitionCount)];
  return Array.from({ length: partitionCount }, (_, partition) => partition);
}

function controlRecord(entry: OutboxEntry, now: number): RecordInput {
  return {
    timestamp: now,
    key: entry.key,
    value: new TextEncoder().encode(JSON.stringify(entry.control)),
    headers: [[HEADER.controlKind, entry.control.kind]],
  };
}
