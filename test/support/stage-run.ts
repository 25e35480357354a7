import { createStagePartition } from "../../engine/stage-partition.ts";
import { decodeSnapshotChunk, decodeUnit, encodeSnapshotChunk, encodeUnit } from "../../wire/unit-codec.ts";
import { lend } from "./lent-record.ts";
import type { Outcomes } from "../../core/ledger.ts";
import type { LogRecord, RecordInput } from "../../core/record.ts";
import type { StageDefinition } from "../../core/stage.ts";
import type { TopicName } from "../../core/topics.ts";
import type { CallMarker, Verdict } from "../../core/verdict.ts";
import type { ColdState } from "../../engine/cold-state.ts";
import type { RestoredState } from "../../engine/state-restore.ts";
import type { LoadFunctions } from "../../engine/stage-functions.ts";
import type { StagePartition } from "../../engine/stage-partition.ts";
import type { SnapshotChunk, UnitBody } from "../../core/commit-unit.ts";

/** What happens between two calls: nothing (unless the unit is full), the end of a unit, or that and a restart from units alone or from a snapshot. */
export type Interruption = "none" | "seal" | "snapshot" | "restart" | "restart-unsealed";

export interface StageRunOptions {
  readonly stage: StageDefinition;
  readonly partition?: number;
  readonly partitionCount?: number;
  readonly load?: LoadFunctions;
  /** Keep the outputs of these topics only, for long recordings. */
  readonly keep?: readonly TopicName[];
  /** Asked after every call of `process`. */
  readonly interrupt?: (call: number) => Interruption;
  /** Each is sealed in a unit of its own before its record is begun. */
  readonly verdicts?: readonly Verdict[];
  readonly marker?: CallMarker;
  /** Where keys go that are not used. */
  readonly cold?: ColdState;
}

export interface StageRun {
  /** Per topic, in order. */
  readonly outputs: ReadonlyMap<TopicName, readonly RecordInput[]>;
  readonly totals: ReadonlyMap<string, Outcomes>;
  readonly state: StagePartition;
  readonly units: number;
}

/** As the runtime does under backlog. */
const SEAL_EVERY = 1000;

/**
 * Runs records through a stage as an owner of the partition would, with units and restarts wherever the caller wants them. The bytes of a record are
 * others when the call is over: the engine may keep none of them.
 */
export function runStage(records: readonly LogRecord[], options: StageRunOptions): StageRun {
  const { stage, partition = 0, partitionCount = 1, keep, load, marker, cold, verdicts = [] } = options;
  const place = {
    stage,
    partition,
    partitionCount,
    generation: 0,
    ...(load === undefined ? {} : { load }),
    ...(marker === undefined ? {} : { marker }),
    ...(cold === undefined ? {} : { cold }),
  };
  const interrupt = options.interrupt ?? ((call: number): Interruption => (call % SEAL_EVERY === 0 ? "seal" : "none"));
  const outputs = new Map<TopicName, RecordInput[]>();
  const restarts = options.interrupt !== undefined;
  let snapshot: Uint8Array[] = [];
  let units: Uint8Array[] = [];
  const create = (restored?: RestoredState) => createStagePartition(place, restored);
  const waiting = [...verdicts];
  let state = create();
  let calls = 0;
  let sealed = 0;

  const seal = (): void => {
    const draft = state.seal();
    if (draft === null) return;
    sealed += 1;
    if (restarts) units.push(encodeUnit(draft.body));
    for (const [topic, some] of draft.outputs) {
      if (keep !== undefined && !keep.includes(topic)) continue;
      const kept = outputs.get(topic) ?? [];
      outputs.set(topic, kept);
      for (const record of some) kept.push(record);
    }
  };
  const restart = (): void => {
    const chunks: SnapshotChunk[] = snapshot.map(decodeSnapshotChunk);
    const bodies: UnitBody[] = units.map(decodeUnit);
    state = create({ snapshot: chunks, units: bodies });
  };
  const condemn = ({ offset }: LogRecord): void => {
    while (waiting[0]?.offset === offset) {
      seal();
      const [verdict] = waiting.splice(0, 1);
      if (verdict !== undefined) state.condemn(verdict);
      seal();
    }
  };

  for (let at = 0; at < records.length;) {
    const record = records[at];
    if (record === undefined) break;
    condemn(record);
    const lent = lend(record);
    const finished = state.process(lent);
    lent.giveBack();
    calls += 1;
    if (finished) at += 1;
    const interruption = interrupt(calls);
    if (interruption === "none") {
      if (!finished) seal();
      continue;
    }
    if (interruption !== "restart-unsealed") seal();
    if (interruption === "snapshot") {
      snapshot = [...state.snapshotChunks()].map(encodeSnapshotChunk);
      units = [];
    }
    if (interruption === "restart-unsealed" || interruption === "restart") {
      restart();
      at = records.findIndex((one) => one.offset >= state.next.offset);
      if (at < 0) break;
    }
  }
  seal();
  return { outputs, totals: state.totals(), state, units: sealed };
}

/** The parsed values of a topic. */
export function valuesOf(run: StageRun, topic: TopicName): unknown[] {
  return (run.outputs.get(topic) ?? []).map((record): unknown => JSON.parse(Buffer.from(record.value).toString()));
}

/** Everything of the outputs that must be equal, as text: topic, key, headers, timestamp, value. */
export function outputBytes(run: StageRun): string[] {
  return [...run.outputs.keys()].sort().flatMap((topic) => {
    return (run.outputs.get(topic) ?? []).map((record) => {
      const headers = record.headers.map(([name, value]) => `${name}=${value}`).join("&");
      return `${topic} ${record.key} ${record.timestamp} ${headers} ${Buffer.from(record.value).toString()}`;
    });
  });
}
