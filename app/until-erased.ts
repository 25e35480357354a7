import { setTimeout as delay } from "node:timers/promises";
import { MillraceError } from "../core/errors.ts";
import { deviceKey } from "../core/ids.ts";
import { partitionOf } from "../core/partitioner.ts";
import { JOURNALS } from "./journals.ts";
import type { EventLog, LogStatus } from "../core/event-log.ts";
import type { ControlOutbox } from "../core/registry.ts";

export interface RemovalSources {
  readonly log: EventLog;
  readonly controlOutbox: ControlOutbox;
  readonly waitMs?: number;
}

const LOOK_EVERY_MS = 100;
/** Below the API's own deadline. */
const WAIT_MS = 20_000;

/**
 * Resolves once the tables have carried out a removal and nothing of the device is under way to them. TIMED_OUT when they do not catch
 * up: the removal is in the log, and they come to it by themselves.
 */
export async function untilErased(tenant: string, device: string, options: RemovalSources): Promise<void> {
  const { log, controlOutbox, waitMs = WAIT_MS } = options;
  const deadline = performance.now() + waitMs;
  const partition = partitionOf(deviceKey(tenant, device), log.partitionCount);
  const reach = async (journal: string, wanted: (topic: string) => boolean): Promise<void> => {
    const ends = endsOf(await log.status(), partition, wanted);
    while (!hasReached(await log.status(), journal, partition, ends)) {
      if (performance.now() > deadline) throw stillUnderWay(device);
      await delay(LOOK_EVERY_MS);
    }
  };
  await controlOutbox.drained(waitMs);
  await reach(JOURNALS.stage, (topic) => topic === "telemetry");
  await reach(JOURNALS.clickhouse, (topic) => topic !== "telemetry" && topic !== "commands");
}

function endsOf(status: LogStatus, partition: number, wanted: (topic: string) => boolean): Map<string, number> {
  return new Map(
    status.partitions
      .filter((p) => p.partition === partition && p.endOffset > 0 && wanted(p.topic))
      .map((p) => [p.topic, p.endOffset]),
  );
}

function hasReached(status: LogStatus, journal: string, partition: number, ends: ReadonlyMap<string, number>): boolean {
  const positions = new Map(
    status.journals
      .filter(({ name }) => name === journal)
      .flatMap((one) => one.positions)
      .filter((p) => p.partition === partition)
      .map((p) => [p.topic, p.offset]),
  );
  return [...ends].every(([topic, end]) => (positions.get(topic) ?? 0) >= end);
}

function stillUnderWay(device: string): MillraceError {
  return new MillraceError("TIMED_OUT", `records of ${device} are still on their way to the tables`, {
    remedy: "It is removed, and its rows go as soon as the tables catch up; /readyz says what keeps them.",
  });
}
