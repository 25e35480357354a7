import { z } from "zod";
import { verdictSchema, type CallMarker, type Verdict } from "../core/verdict.ts";
import { LedgerCounts } from "./ledger-counts.ts";
import { NumberedCalls } from "./numbered-calls.ts";
import { OutputBuffer } from "./output-buffer.ts";
import { StageConfig } from "./stage-config.ts";
import { StageFunctions, type LoadFunctions, type SlotOwners } from "./stage-functions.ts";
import { EngineSlot } from "./state-slots.ts";
import { PARTITION_KEY, StateStore } from "./state-store.ts";
import { eventWatermark, TimerQueue, type TimeRules } from "./timer-queue.ts";
import { UndoLog } from "./undo-log.ts";
import type { CallMeter } from "../core/call-meter.ts";
import type { ColdState } from "./cold-state.ts";
import type { StageDefinition } from "../core/stage.ts";
import type { KeyState } from "./key-state.ts";

export const PARTITION_FUNCTION = "$partition";

/** How far a control record has come that concerns many keys, between two steps. */
const sweepSchema = z.object({
  /** Only keys of this tenant, this device key, this device type; null for all. */
  tenant: z.string().nullable(),
  key: z.string().nullable(),
  /** Only these device keys, in byte order; absent for all. */
  keys: z.array(z.string()).exactOptional(),
  type: z.string().nullable(),
  /** Only what this function keeps is erased. Absent for all other sweeps. */
  forget: z.string().exactOptional(),
  /** What the canary of this function keeps becomes the function's, or is erased. Absent for all other sweeps. */
  canary: z.object({ of: z.string(), end: z.enum(["becomes-live", "is-dropped"]) }).exactOptional(),
  changes: z.array(z.enum(["rules", "type"])),
  flushUpTo: z.number().nullable(),
  /** Of what is joined, the keys of the devices whose readings the flush is behind. Absent for all. */
  flushOf: z.array(z.string()).exactOptional(),
  /** The last key that was dealt with. */
  after: z.string().nullable(),
  /** Nothing is left but the timers that became due on the way. */
  done: z.boolean(),
});
export type Sweep = z.infer<typeof sweepSchema>;

const timeSchema = z.number();
const flushesSchema = z.record(z.string(), z.number());
const verdictsSchema = z.array(verdictSchema).readonly();
/** Generation, offset, step and index of a source position, by the input partition that it is of. */
const takenSchema = z.record(z.string(), z.tuple([z.number(), z.number(), z.number(), z.number()]));
export type Taken = z.infer<typeof takenSchema>;

/** What a partition of a stage consists of. */
export interface PartitionParts {
  readonly stage: StageDefinition;
  readonly partition: number;
  readonly undo: UndoLog;
  readonly store: StateStore;
  readonly config: StageConfig;
  readonly functions: StageFunctions;
  readonly queue: TimerQueue;
  /** Up to where readings have brought the key's time. */
  readonly watermarkOf: (key: KeyState) => number;
  readonly counts: LedgerCounts;
  readonly outputs: OutputBuffer;
  /** R: the greatest receive time seen. */
  readonly partitionTime: EngineSlot<number>;
  readonly sweep: EngineSlot<Sweep>;
  /** The watermark up to which the timers of the record's key fire, as steps of their own, before the record can be run. */
  readonly overdue: EngineSlot<number>;
  /** On calls of the record that comes next, or goes on. */
  readonly verdicts: EngineSlot<readonly Verdict[]>;
  readonly calls: NumberedCalls;
  /** The last record taken of each partition of the source stage's input; only of a stage with a source. */
  readonly taken: EngineSlot<Taken>;
  /** Where what is joined comes from several partitions: up to where each has passed a flush on. */
  readonly passedFlushes: EngineSlot<Readonly<Record<string, number>>>;
  /** Of the stage's source. */
  readonly partitionCount: number;
}

/** Of a stage whose functions are all its own. */
const LOADS_NOTHING: LoadFunctions = () => {
  throw new TypeError("this stage runs no functions of users");
};

export interface PartitionPartsOptions {
  readonly stage: StageDefinition;
  readonly partition: number;
  readonly generation: number;
  /** Loads what control records deploy. Without it none can be. */
  readonly load?: LoadFunctions;
  /** Where to write down which call runs. */
  readonly marker?: CallMarker;
  /** Told of every call. */
  readonly meter?: CallMeter;
  /** Where keys go that are not used. Without it all stay in memory. */
  readonly cold?: ColdState;
  /** Of the installation; 1 when absent. */
  readonly partitionCount?: number;
}

export function createPartitionParts(options: PartitionPartsOptions): PartitionParts {
  const { stage, partition, generation, partitionCount = 1 } = options;
  const { load = LOADS_NOTHING, marker = null, meter = null, cold = null } = options;
  const undo = new UndoLog();
  const owners: SlotOwners = new Map();
  const store = new StateStore(undo, owners, cold);
  const config = new StageConfig(store);
  const partitionTime = new EngineSlot(store, timeSchema, PARTITION_FUNCTION, PARTITION_KEY, "time");
  const sweep = new EngineSlot(store, sweepSchema, PARTITION_FUNCTION, PARTITION_KEY, "sweep");
  const overdue = new EngineSlot(store, timeSchema, PARTITION_FUNCTION, PARTITION_KEY, "overdue");
  const taken = new EngineSlot(store, takenSchema, PARTITION_FUNCTION, PARTITION_KEY, "taken");
  const verdicts = new EngineSlot(store, verdictsSchema, PARTITION_FUNCTION, PARTITION_KEY, "verdicts");
  const passedFlushes = new EngineSlot(store, flushesSchema, PARTITION_FUNCTION, PARTITION_KEY, "flushes");
  const own = store.key(PARTITION_KEY);
  for (const slot of [partitionTime, sweep, overdue, taken, verdicts]) own.addEngineSlot(slot);
  if (stage.input === "repartition") own.addEngineSlot(passedFlushes);
  const functions = new StageFunctions(store, stage, owners, load);
  const timeRulesOf = (key: KeyState): TimeRules => sidesOf(functions, key) ?? config.of(key).type;
  return {
    stage,
    partition,
    undo,
    store,
    config,
    functions,
    queue: new TimerQueue(timeRulesOf),
    watermarkOf: (key) => eventWatermark(key, timeRulesOf(key)),
    counts: new LedgerCounts(undo, stage.input !== "repartition"),
    outputs: new OutputBuffer(undo, { stage: stage.name, topic: stage.input, partition, generation }),
    partitionTime,
    sweep,
    overdue,
    verdicts,
    calls: new NumberedCalls(partition, verdicts, marker, meter),
    taken,
    passedFlushes,
    partitionCount,
  };
}

/** What is joined has its time from the function. Null for what has it from its device's type. */
function sidesOf(functions: StageFunctions, { joinedBy }: KeyState): TimeRules | null {
  const fn = joinedBy === null ? undefined : functions.byName.get(joinedBy)?.fn;
  return fn?.kind === "stream" ? (fn.sides ?? null) : null;
}
