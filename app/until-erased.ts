import { MillraceError } from "../core/errors.ts";
import { deviceKey } from "../core/ids.ts";
import { partitionOf } from "../core/partitioner.ts";
import { stageJournalName } from "../core/stage.ts";
import { begunStages } from "../core/functions-stage.ts";
import { STORED_TOPICS } from "../sinks/clickhouse/rows/encoder-of-topic.ts";
import { JOURNALS } from "./journals.ts";
import { untilReached } from "./ledger/ledger-cut.ts";
import type { EventLog } from "../core/event-log.ts";
import type { ControlOutbox } from "../core/registry.ts";

export interface RemovalSources {
  readonly log: EventLog;
  readonly controlOutbox: ControlOutbox;
  readonly waitMs?: number;
}

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
    const { partitions } = await log.status();
    const ends = partitions
      .filter((one) => one.partition === partition && wanted(one.topic))
      .map(({ topic, endOffset }) => ({ topic, partition, offset: endOffset }));
    if ((await untilReached(log, journal, ends, deadline)) === null) throw stillUnderWay(device);
  };
  await controlOutbox.drained(waitMs);
  await reach(JOURNALS.stage, (topic) => topic === "telemetry");
  for (const { name, input } of begunStages(await log.status())) {
    await reach(stageJournalName(name), (topic) => topic === input);
  }
  await reach(JOURNALS.clickhouse, (topic) => STORED_TOPICS.includes(topic));
}

function stillUnderWay(device: string): MillraceError {
  return new MillraceError("TIMED_OUT", `records of ${device} are still on their way to the tables`, {
    remedy: "It is removed, and its rows go as soon as the tables catch up; /readyz says what keeps them.",
  });
}
