import { z } from "zod";
import { deviceEventSchema } from "../../core/derived-records.ts";
import { deviceKey } from "../../core/ids.ts";
import { MAIN_REPLAY_STAGE, REPLAY_STAGE, replayStageOf } from "../../core/stage.ts";
import { compareSourcePositions, formatSourcePosition, parseSourcePosition } from "../../core/source-position.ts";
import type { SourcePosition } from "../../core/source-position.ts";

/** A device was removed: what a stage made of it up to `until` is erased, what comes later is a new device's. */
export interface Erasure {
  readonly tenant: string;
  readonly device: string;
  readonly until: SourcePosition;
}

/** How an erasure stands in the journal: tenant, device, position. */
export const erasureTupleSchema = z.tuple([z.string(), z.string(), z.string()]);
export type ErasureTuple = z.infer<typeof erasureTupleSchema>;

export function erasureToTuple({ tenant, device, until }: Erasure): ErasureTuple {
  return [tenant, device, formatSourcePosition(until)];
}

/** Null when the last text is no source position. */
export function erasureFromTuple([tenant, device, text]: ErasureTuple): Erasure | null {
  const until = parseSourcePosition(text);
  return until === null ? null : { tenant, device, until };
}

/** The erasure that a record of `device-events` asks for; null for all others. */
export function erasureOf(topic: string, value: unknown, source: SourcePosition): Erasure | null {
  if (topic !== "device-events") return null;
  const { data } = deviceEventSchema.safeParse(value);
  return data?.kind === "removed" ? { tenant: data.tenant, device: data.device, until: source } : null;
}

/**
 * The removed devices. The topics of a partition are not read in step, so a reading may be read after the removal that came behind it;
 * and a database that is filled again reads everything anew.
 */
export class ErasedDevices {
  readonly #erasures = new Map<string, Erasure>();
  /** By key, stage of replays and partition, the last removal's offset in what it reads: replays correct what was made of records from before it. */
  readonly #replayed = new Map<string, number>();

  add(erasures: readonly Erasure[]): void {
    for (const erasure of erasures) {
      const id = idOf(deviceKey(erasure.tenant, erasure.device), erasure.until);
      const known = this.#erasures.get(id);
      if (known === undefined || compareSourcePositions(erasure.until, known.until) > 0) {
        this.#erasures.set(id, erasure);
      }
      const { tenant, device, until } = erasure;
      if (!tellsOfReplays(until)) continue;
      const replayed = replayedId(deviceKey(tenant, device), { ...until, stage: replayStageOf(until.stage) });
      this.#replayed.set(replayed, Math.max(until.offset, this.#replayed.get(replayed) ?? 0));
    }
  }

  /** Whether what was made from `source` is erased. `key` is that of the record. */
  covers(key: string | null, source: SourcePosition): boolean {
    if (this.#erasures.size === 0 || key === null) return false;
    if (source.stage === REPLAY_STAGE || source.stage === MAIN_REPLAY_STAGE)
      return source.offset <= (this.#replayed.get(replayedId(key, source)) ?? -1);
    const erasure = this.#erasures.get(idOf(key, source));
    return erasure !== undefined && compareSourcePositions(source, erasure.until) <= 0;
  }

  clear(): void {
    this.#erasures.clear();
    this.#replayed.clear();
  }

  all(): readonly Erasure[] {
    return [...this.#erasures.values()];
  }
}

/** Whether replays of the stage that tells of the removal read what it reads. What is joined is not replayed. */
export function tellsOfReplays({ topic }: SourcePosition): boolean {
  return topic === "readings" || topic === "telemetry";
}

function replayedId(key: string, { stage, partition }: Pick<SourcePosition, "stage" | "partition">): string {
  return `${key} ${stage} ${partition}`;
}

/** Positions compare within one stage and input partition only. */
function idOf(key: string, { stage, topic, partition }: SourcePosition): string {
  return `${key} ${stage} ${topic} ${partition}`;
}
