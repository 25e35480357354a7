import { untilAborted } from "../core/aborted.ts";
import { pause } from "../core/pause.ts";
import { partitionOf } from "../core/partitioner.ts";
import { HEADER } from "../core/record.ts";
import { createOutage } from "./outage.ts";
import type { Clock } from "../core/clock.ts";
import type { ControlRecord } from "../core/control.ts";
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
/** The outbox wakes the relay; this is for what it does not hear of. */
const POLL_MS = 500;
const RETRY_MS = 50;

/**
 * Carries control records from the registry's outbox into `telemetry`, in order, at least once: a record may be appended again after
 * a crash, and stages drop revisions that they have.
 */
export function createControlRelay(options: ControlRelayOptions): Service {
  const outage = createOutage("control records do not reach the log", RETRY_MS, options.logger);
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const pauseMs = await round();
      if (pauseMs > 0) await pause(pauseMs, stopping.signal);
    }
  };

  /** Waits for something to relay. Returns how long to wait before the next one, after a failure. */
  const round = async (): Promise<number> => {
    try {
      const moved = await relayPending(options);
      outage.succeeded();
      if (moved === 0) await options.outbox.changed(POLL_MS, stopping.signal);
      return 0;
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
    const now = options.clock.now();
    for (const [partition, control] of controlsByPartition(entry, options.partitionCount)) {
      byPartition.set(partition, [...(byPartition.get(partition) ?? []), controlRecord(entry.key, control, now)]);
    }
  }
  await Promise.all(
    [...byPartition].map(([partition, records]) => options.log.append("telemetry", partition, records)),
  );
  await options.outbox.markSent(last.sequence);
  return entries.length;
}

/** What each partition is told: of a list of devices its own ones, and nothing when it has none of them. */
function controlsByPartition(
  { key, control }: OutboxEntry,
  partitionCount: number,
): ReadonlyMap<number, ControlRecord> {
  if (key !== null) return new Map([[partitionOf(key, partitionCount), control]]);
  if (control.kind !== "flush" || control.devices === undefined) {
    return new Map(Array.from({ length: partitionCount }, (_, partition) => [partition, control]));
  }
  const own = Map.groupBy(control.devices, (device) => partitionOf(device, partitionCount));
  return new Map(Array.from(own, ([partition, devices]) => [partition, { ...control, devices }]));
}

function controlRecord(key: string | null, control: ControlRecord, now: number): RecordInput {
  return {
    timestamp: now,
    key,
    value: new TextEncoder().encode(JSON.stringify(control)),
    headers: [[HEADER.controlKind, control.kind]],
  };
}
