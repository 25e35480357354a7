import { untilAborted } from "../core/aborted.ts";
import { pause } from "../core/pause.ts";
import { partitionOf } from "../core/partitioner.ts";
import { begunStages, hasBegun } from "../core/functions-stage.ts";
import { FUNCTIONS_STAGE, JOINS_STAGE, stageInput } from "../core/stage.ts";
import { appendsOf, controlRecord } from "./control-record.ts";
import { createOutage } from "../core/outage.ts";
import type { Clock } from "../core/clock.ts";
import type { ControlRecord } from "../core/control.ts";
import type { LogAppender, LogInspector, LogStatus } from "../core/event-log.ts";
import type { Service } from "../core/lifecycle.ts";
import type { Logger } from "../core/logger.ts";
import type { RecordInput } from "../core/record.ts";
import type { ControlOutbox, OutboxEntry } from "../core/registry.ts";
import type { TopicName } from "../core/topics.ts";
import type { FunctionsStages } from "./functions-stages.ts";
import type { IdleStages } from "./idle-stages.ts";

export interface ControlRelayOptions {
  readonly outbox: ControlOutbox;
  readonly log: LogAppender & LogInspector;
  readonly stages: FunctionsStages;
  readonly idleStages: Pick<IdleStages, "look">;
  readonly partitionCount: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const BATCH = 500;
/** The outbox wakes the relay; this is for what it does not hear of. */
const POLL_MS = 500;
const RETRY_MS = 50;

/**
 * Carries control records from the registry's outbox into the input topics of the stages that they concern, in order, at least once: a record
 * may be appended again after a crash, and stages drop revisions that they have.
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
      if (moved > 0) return 0;
      await options.idleStages.look();
      await options.outbox.changed(POLL_MS, stopping.signal);
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
  const { outbox, log, stages } = options;
  const entries = await outbox.pending(BATCH);
  const last = entries.at(-1);
  if (last === undefined) return 0;
  const isDeploy = ({ control }: OutboxEntry): boolean => control.kind === "deploy";
  const status = await log.status();
  await stages.begin([...new Set(entries.flatMap(stageDeployedTo))]);
  // Before what sends to it is deployed: the stage of joins knows every version of which something comes.
  await appendAll(options, JOINS_STAGE.input, entriesFor(JOINS_STAGE.input, entries, status, options));
  await Promise.all([
    appendAll(
      options,
      "telemetry",
      entries.filter((entry) => !isDeploy(entry)),
    ),
    appendAll(options, FUNCTIONS_STAGE.input, entriesFor(FUNCTIONS_STAGE.input, entries, status, options)),
  ]);
  // Once all of it is durable in every topic: a crash before repeats it in all, and revisions drop what was there.
  await outbox.markSent(last.sequence);
  return entries.length;
}

/** What stages of users' functions that read the topic are told. */
function entriesFor(
  topic: TopicName,
  entries: readonly OutboxEntry[],
  status: LogStatus,
  { partitionCount }: Pick<ControlRelayOptions, "partitionCount">,
): readonly OutboxEntry[] {
  const isOfOther = ({ control }: OutboxEntry): boolean =>
    control.kind === "deploy" && stageInput(control.stage) !== topic;
  const own = entries.filter((entry) => concernsFunctions(entry) && !isOfOther(entry));
  const hasStages = begunStages(status).some(({ name, input }) => {
    return input === topic && hasBegun(status, name, partitionCount);
  });
  if (hasStages) return own;
  // What was said before the first deploy ever is part of what the stage is told when it begins.
  const first = own.findIndex(({ control }) => control.kind === "deploy" && !control.removed);
  return first < 0 ? [] : own.slice(first);
}

function stageDeployedTo({ control }: OutboxEntry): string[] {
  return control.kind === "deploy" && !control.removed ? [control.stage] : [];
}

/** A flush would overtake the readings that it is to be behind: the main stage passes it on. */
function concernsFunctions({ control }: OutboxEntry): boolean {
  return control.kind !== "flush" && control.kind !== "operator-action";
}

/** In order within each partition. */
async function appendAll(
  options: ControlRelayOptions,
  topic: TopicName,
  entries: readonly OutboxEntry[],
): Promise<void> {
  const byPartition = new Map<number, RecordInput[]>();
  for (const entry of entries) {
    const now = options.clock.now();
    for (const [partition, control] of controlsByPartition(entry, options.partitionCount)) {
      byPartition.set(partition, [...(byPartition.get(partition) ?? []), controlRecord(entry.key, control, now)]);
    }
  }
  await Promise.all(
    [...byPartition].map(async ([partition, records]) => {
      for (const some of appendsOf(records)) await options.log.append(topic, partition, some);
    }),
  );
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
