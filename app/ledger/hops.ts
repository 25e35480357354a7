import { MAIN_STAGE, stageJournalName } from "../../core/stage.ts";
import { JOURNALS } from "../journals.ts";
import { stagesOf } from "../stages.ts";
import type { Config } from "../config.ts";
import type { LogStatus, PartitionStatus, TopicPosition } from "../../core/event-log.ts";
import { type Hop, LAGGING_RECORDS } from "../../core/overview.ts";

/** A hop that has something to do and has not moved for this long stands still. Inserts take their time. */
const STOPPED_AFTER_MS = 10_000;

interface HopDefinition {
  readonly name: string;
  /** Null for the first hop: the ends of `telemetry`. */
  readonly journal: string | null;
}

/** Stages of users' functions are there while they have any. */
function hopsOf(status: LogStatus): readonly HopDefinition[] {
  return [{ name: "in", journal: null }, ...consumersOf(status)];
}

/** The consumers of the log as people know them, and the journals that they keep. */
export function consumersOf(status: LogStatus): readonly { readonly name: string; readonly journal: string }[] {
  const stages = stagesOf(status).map(({ name }) => {
    return { name: name === MAIN_STAGE ? "processors" : name, journal: stageJournalName(name) };
  });
  const { clickhouse, notify, forward } = JOURNALS;
  const isForwarded = status.journals.some(({ name }) => name === forward);
  return [
    ...stages,
    { name: "clickhouse", journal: clickhouse },
    { name: "notify", journal: notify },
    ...(isForwarded ? [{ name: "forward", journal: forward }] : []),
  ];
}

/** The hops that an installation does without. */
export function hopsSwitchedOff({ clickhouse, webhookUrl, forwardUrl }: Config): readonly string[] {
  return [
    ...(clickhouse ? [] : ["clickhouse"]),
    ...(webhookUrl === undefined ? ["notify"] : []),
    ...(forwardUrl === undefined ? ["forward"] : []),
  ];
}

interface Track {
  readonly at: number;
  readonly position: number;
  readonly movedAt: number;
}

/** Follows the hops of the pipeline from look to look: rates, lag, and which of them stands still. */
export class HopWatch {
  readonly #off: ReadonlySet<string>;
  readonly #tracks = new Map<string, Track>();

  /** `off` names the hops that are switched off in this installation. */
  constructor(off: readonly string[]) {
    this.#off = new Set(off);
  }

  /** `controlRecords` are those among `telemetry`: they are no messages. */
  look(status: LogStatus, controlRecords: number, at: number): readonly Hop[] {
    return hopsOf(status).map((hop) => {
      if (this.#off.has(hop.name)) return { name: hop.name, ratePerSecond: 0, lag: 0, state: "off" };
      const position = hop.journal === null ? telemetryEnd(status) - controlRecords : reached(status, hop.journal);
      return this.#hop(hop, position, status, at);
    });
  }

  #hop({ name, journal }: HopDefinition, position: number, status: LogStatus, at: number): Hop {
    const before = this.#tracks.get(name) ?? { at: at - 1000, position, movedAt: at };
    const movedAt = position === before.position ? before.movedAt : at;
    this.#tracks.set(name, { at, position, movedAt });
    const ratePerSecond = Math.max(0, (position - before.position) / Math.max((at - before.at) / 1000, 0.001));
    if (journal === null) return { name, ratePerSecond, lag: 0, state: status.refusing === null ? "ok" : "stopped" };
    const lag = lagOf(status, journal);
    const stands = lag > 0 && at - movedAt >= STOPPED_AFTER_MS;
    return { name, ratePerSecond, lag, state: stands ? "stopped" : lag > LAGGING_RECORDS ? "lagging" : "ok" };
  }
}

function telemetryEnd(status: LogStatus): number {
  return status.partitions.filter((p) => p.topic === "telemetry").reduce((total, p) => total + p.endOffset, 0);
}

/** Where the partitions of the journal stand in what they read. */
export function positionsOf({ journals }: Pick<LogStatus, "journals">, journalName: string): readonly TopicPosition[] {
  return journals.filter(({ name }) => name === journalName).flatMap(({ positions }) => positions);
}

/** The sum of these positions: it moves with each record that is read. */
export function reached(status: Pick<LogStatus, "journals">, journalName: string): number {
  return positionsOf(status, journalName).reduce((total, p) => total + p.offset, 0);
}

/** Records between the journal's positions and the ends of the topics that it reads. */
export function lagOf(status: LogStatus, journalName: string): number {
  const ranges = rangesOf(status);
  return positionsOf(status, journalName).reduce(
    (lag, p) => lag + Math.max(0, (ranges.get(`${p.topic}/${p.partition}`)?.endOffset ?? 0) - p.offset),
    0,
  );
}

const rangesByStatus = new WeakMap<LogStatus, ReadonlyMap<string, PartitionStatus>>();

/** By `topic/partition`. A status is looked at once a second, for each of its journals and more than once: they are found once for all. */
export function rangesOf(status: LogStatus): ReadonlyMap<string, PartitionStatus> {
  const known = rangesByStatus.get(status);
  if (known !== undefined) return known;
  const made = new Map(status.partitions.map((range) => [`${range.topic}/${range.partition}`, range]));
  rangesByStatus.set(status, made);
  return made;
}
