import { partitionOf } from "../core/partitioner.ts";
import { deviceKey } from "../core/ids.ts";
import { FUNCTIONS_STAGE, stageJournalName } from "../core/stage.ts";
import { encodeUnit } from "../wire/unit-codec.ts";
import { appendsOf, controlRecord } from "./control-record.ts";
import type { Clock } from "../core/clock.ts";
import type { UnitBody } from "../core/commit-unit.ts";
import type { ControlRecord } from "../core/control.ts";
import type { LogAppender, LogInspector, LogJournals, LogStatus } from "../core/event-log.ts";
import type { ControlOutbox } from "../core/registry.ts";

export interface FunctionsStageStartOptions {
  readonly log: LogAppender & LogJournals & LogInspector;
  readonly outbox: Pick<ControlOutbox, "configuration">;
  readonly generation: number;
  readonly partitionCount: number;
  readonly clock: Clock;
}

/** How the stage of users' functions comes to be. */
export interface FunctionsStageStart {
  hasBegun(): Promise<boolean>;
  /** May be repeated when it was broken off: what is there already is told again, and no partition begins twice. */
  begin(): Promise<void>;
}

const JOURNAL = stageJournalName(FUNCTIONS_STAGE.name);

/** True when all partitions have begun: before that nobody may run them. */
export function hasFunctionsStage({ journals }: Pick<LogStatus, "journals">, partitionCount: number): boolean {
  return begunPartitions(journals).size === partitionCount;
}

/**
 * The stage begins at the present end of its input, with the first function ever deployed: what was measured before is not run again. It is
 * told all types, rules, reference tables and devices first, which so far went to the main stage only.
 */
export function createFunctionsStageStart(options: FunctionsStageStartOptions): FunctionsStageStart {
  const { log, partitionCount } = options;
  return {
    hasBegun: async () => hasFunctionsStage(await log.status(), partitionCount),
    async begin() {
      // The ends before the configuration is appended: it lies behind them.
      const { partitions, journals } = await log.status();
      await tellConfiguration(options);
      const begun = begunPartitions(journals);
      for (const { topic, partition, endOffset } of partitions) {
        if (topic === FUNCTIONS_STAGE.input && !begun.has(partition))
          await beginPartition(options, partition, endOffset);
      }
    },
  };
}

function begunPartitions(journals: LogStatus["journals"]): ReadonlySet<number> {
  const own = journals.filter(({ name, positions }) => name === JOURNAL && positions.length > 0);
  return new Set(own.map(({ partition }) => partition));
}

async function beginPartition(options: FunctionsStageStartOptions, partition: number, offset: number): Promise<void> {
  const { log, generation } = options;
  const journal = { name: JOURNAL, partition };
  const { epoch, entries } = await log.claim(journal);
  if (entries.length > 0) return;
  const body: UnitBody = {
    v: 1,
    stage: FUNCTIONS_STAGE.name,
    generation,
    from: { offset: 0, step: 0 },
    next: { offset, step: 0 },
    slots: [],
    outcomes: [],
  };
  const positions = [{ topic: FUNCTIONS_STAGE.input, partition, offset }];
  const entry = { kind: "unit", positions, nextTimer: null, body: encodeUnit(body) } as const;
  await log.commit({ journal, epoch, entry, outputs: [] });
}

async function tellConfiguration({ log, outbox, partitionCount, clock }: FunctionsStageStartOptions): Promise<void> {
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
    for (const some of appendsOf(records)) await log.append(FUNCTIONS_STAGE.input, partition, some);
  }
}
