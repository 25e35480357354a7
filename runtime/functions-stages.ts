import { partitionOf } from "../core/partitioner.ts";
import { deviceKey } from "../core/ids.ts";
import { ENDED_AT } from "../core/event-log.ts";
import { begunPartitions, hasBegun } from "../core/functions-stage.ts";
import { stageInput, stageJournalName } from "../core/stage.ts";
import { encodeSnapshotChunk } from "../wire/unit-codec.ts";
import { appendsOf, controlRecord } from "./control-record.ts";
import type { Clock } from "../core/clock.ts";
import type { ControlRecord } from "../core/control.ts";
import type { JournalId, LogAppender, LogInspector, LogJournals } from "../core/event-log.ts";
import type { ControlOutbox } from "../core/registry.ts";
import type { TopicName } from "../core/topics.ts";

export interface FunctionsStagesOptions {
  readonly log: LogAppender & LogJournals & LogInspector;
  readonly outbox: Pick<ControlOutbox, "configuration">;
  readonly generation: number;
  readonly partitionCount: number;
  readonly clock: Clock;
}

/** How stages of users' functions come to be, and end. `stage` is the name in the log. */
export interface FunctionsStages {
  /** May be repeated when it was broken off: what is there already is told again, and no partition begins twice. */
  begin(stages: readonly string[]): Promise<void>;
  /** Whoever works it is fenced, and what it keeps is gone. May be repeated when it was broken off. */
  end(stage: string): Promise<void>;
}

/**
 * A stage begins at the present end of its input, with the first function deployed into it: what was measured before is not run again. It is
 * told all types, rules, reference tables and devices first, which so far went to the main stage only.
 */
export function createFunctionsStages(options: FunctionsStagesOptions): FunctionsStages {
  const { log, partitionCount } = options;
  return {
    async begin(stages) {
      // The ends before the configuration is appended: it lies behind them.
      const status = await log.status();
      const wanted = stages.filter((stage) => !hasBegun(status, stage, partitionCount));
      if (wanted.length === 0) return;
      for (const topic of new Set(wanted.map(stageInput))) await tellConfiguration(options, topic);
      for (const stage of wanted) {
        const begun = begunPartitions(status, stage);
        for (const { topic, partition, endOffset } of status.partitions) {
          if (topic === stageInput(stage) && !begun.has(partition))
            await placeStage(options, stage, partition, endOffset);
        }
      }
    },
    async end(stage) {
      for (const partition of begunPartitions(await log.status(), stage)) {
        await placeStage(options, stage, partition, ENDED_AT);
      }
    },
  };
}

/** The stage has no state and stands at the offset, whatever was there before. */
async function placeStage(
  { log, generation }: FunctionsStagesOptions,
  stage: string,
  partition: number,
  offset: number,
): Promise<void> {
  const journal: JournalId = { name: stageJournalName(stage), partition };
  const { epoch } = await log.claim(journal);
  const next = { offset, step: 0 };
  const body = encodeSnapshotChunk({ v: 1, stage, generation, next, chunk: 0, slots: [], outcomes: [] });
  const positions = [{ topic: stageInput(stage), partition, offset }];
  await log.commit({
    journal,
    epoch,
    entry: { kind: "snapshot", complete: true, positions, nextTimer: null, body },
    outputs: [],
  });
}

async function tellConfiguration(
  { log, outbox, partitionCount, clock }: FunctionsStagesOptions,
  topic: TopicName,
): Promise<void> {
  const { revision, types, rules, tables, devices } = await outbox.configuration();
  const common: ControlRecord[] = [
    ...types.map((type) => ({ v: 1, kind: "device-type", revision, removed: false, type }) as const),
    ...tables.map((table) => ({ v: 1, kind: "reference-table", revision, removed: false, table }) as const),
    ...rules.map((rule) => ({ v: 1, kind: "alarm-rule", revision, removed: false, rule }) as const),
  ];
  const own = Map.groupBy(devices, ({ tenant, id }) => partitionOf(deviceKey(tenant, id), partitionCount));
  for (let partition = 0; partition < partitionCount; partition += 1) {
    const ofDevices = (own.get(partition) ?? []).map((device) => {
      const control = { v: 1, kind: "device", revision, removed: false, device } as const;
      return controlRecord(deviceKey(device.tenant, device.id), control, clock.now());
    });
    const records = [...common.map((control) => controlRecord(null, control, clock.now())), ...ofDevices];
    for (const some of appendsOf(records)) await log.append(topic, partition, some);
  }
}
