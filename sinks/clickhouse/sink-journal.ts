import { z } from "zod";
import { MillraceError } from "../../core/errors.ts";
import { formatSourcePosition, parseSourcePosition } from "../../core/source-position.ts";
import { erasuresOf, insertPlanSchema, type InsertPlan } from "./insert-plan.ts";
import { ErasedDevices, erasureFromTuple, erasureToTuple, erasureTupleSchema, type Erasure } from "./erased-devices.ts";
import type { EventLog, JournalEntry, JournalId, TopicPosition } from "../../core/event-log.ts";
import { SourceMarks, type SourceMark } from "../../engine/source-marks.ts";

/** Its positions are what lag, retention and the ledger go by. */
export const CLICKHOUSE_JOURNAL = "sink:clickhouse";

/** What the journal knows: all that was settled, and the plan that may or may not have reached ClickHouse. */
export interface SinkProgress {
  /** Identity of the database that holds the rows; null before the first one. */
  readonly database: string | null;
  readonly positions: readonly TopicPosition[];
  readonly marks: readonly SourceMark[];
  /** Devices whose removal has been carried out. */
  readonly erased: readonly Erasure[];
  readonly unsettled: { readonly plan: InsertPlan; readonly marks: readonly SourceMark[] } | null;
}

const markSchema = z.tuple([z.string(), z.int(), z.string()]);

/**
 * Body of an entry. `settled` and `snapshot`: the entry's positions are done, and so is every plan before. `plan`: the plan before is
 * done, this one is not; the entry's positions are where it begins. `marks` are those after the entry's own records, the changed ones
 * only, except in a snapshot. `erased` stands in snapshots; between them the plans tell. `readingRows`: rows of `readings` that are settled at the
 * entry's positions, for who follows the journal; absent in older entries.
 */
const bodySchema = z.object({
  v: z.literal(1),
  kind: z.enum(["plan", "settled", "snapshot"]),
  database: z.string(),
  marks: z.array(markSchema),
  plan: insertPlanSchema.optional(),
  erased: z.array(erasureTupleSchema).default([]),
  readingRows: z.int().exactOptional(),
});
type Body = z.input<typeof bodySchema>;

const SNAPSHOT_AFTER_ENTRIES = 500;

export interface SinkJournal {
  /** As it was when the journal was claimed. */
  readonly restored: SinkProgress;
  /** True when there was more, which is damaged: the tables may hold more than `restored` tells. A snapshot must come first. */
  readonly damaged: boolean;
  plan(
    plan: InsertPlan,
    database: string,
    positions: readonly TopicPosition[],
    marks: readonly SourceMark[],
  ): Promise<void>;
  settle(database: string, positions: readonly TopicPosition[], marks: readonly SourceMark[]): Promise<void>;
  /** Replaces all that was before. */
  snapshot(
    database: string,
    positions: readonly TopicPosition[],
    marks: readonly SourceMark[],
    erased: readonly Erasure[],
  ): Promise<void>;
  /** True when it has become long enough for a snapshot. */
  wantsSnapshot(): boolean;
}

/**
 * Takes the sink's journal over; every other owner is fenced from here on. `settledRows` is asked with each entry. Errors: those of the log.
 */
export async function claimSinkJournal(
  log: EventLog,
  id: JournalId,
  settledRows: () => number | null = () => null,
): Promise<SinkJournal> {
  const { epoch, entries, damaged } = await log.claim(id);
  let length = entries.length;
  const commit = async (kind: JournalEntry["kind"], own: Body, positions: readonly TopicPosition[]): Promise<void> => {
    const rows = settledRows();
    const body: Body = rows === null ? own : { ...own, readingRows: rows };
    const entry: JournalEntry = {
      kind,
      positions,
      nextTimer: null,
      ...(kind === "snapshot" ? { complete: true } : {}),
      body: Buffer.from(JSON.stringify(body)),
    };
    await log.commit({ journal: id, epoch, entry, outputs: [] });
    length = kind === "snapshot" ? 1 : length + 1;
  };
  return {
    restored: foldEntries(entries),
    damaged,
    plan: (plan, database, positions, marks) =>
      commit("unit", { v: 1, kind: "plan", database, marks: marks.map(toTuple), plan }, positions),
    settle: (database, positions, marks) =>
      commit("unit", { v: 1, kind: "settled", database, marks: marks.map(toTuple) }, positions),
    snapshot: (database, positions, marks, erased) => {
      const all = { marks: marks.map(toTuple), erased: erased.map(erasureToTuple) };
      return commit("snapshot", { v: 1, kind: "snapshot", database, ...all }, positions);
    },
    wantsSnapshot: () => length >= SNAPSHOT_AFTER_ENTRIES,
  };
}

function foldEntries(entries: readonly JournalEntry[]): SinkProgress {
  const marks = new SourceMarks();
  const erased = new ErasedDevices();
  let progress: Omit<SinkProgress, "marks" | "erased"> = { database: null, positions: [], unsettled: null };
  for (const { body, positions } of entries) {
    const { kind, database, marks: tuples, plan, erased: erasures } = parseSinkEntry(body);
    const own = tuples.map(fromTuple);
    if (kind === "snapshot") {
      marks.clear();
      erased.clear();
    } else if (progress.unsettled !== null) {
      marks.load(progress.unsettled.marks);
      erased.add(erasuresOf(progress.unsettled.plan));
    }
    erased.add(erasures.flatMap((tuple) => erasureFromTuple(tuple) ?? []));
    if (plan === undefined) marks.load(own);
    progress = { database, positions, unsettled: plan === undefined ? null : { plan, marks: own } };
  }
  return { ...progress, marks: marks.all(), erased: erased.all() };
}

/** DATA_FORMAT_UNSUPPORTED for what is no entry of the sink. */
export function parseSinkEntry(bytes: Uint8Array): z.output<typeof bodySchema> {
  const { data, error } = bodySchema.safeParse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  if (data !== undefined) return data;
  throw new MillraceError(
    "DATA_FORMAT_UNSUPPORTED",
    "the journal of the ClickHouse sink has entries that this release does not know",
    {
      cause: error,
      remedy: "Run the release that last stored into these tables, or a newer one; what waits stays in the log.",
    },
  );
}

function toTuple({ topic, partition, source }: SourceMark): [string, number, string] {
  return [topic, partition, formatSourcePosition(source)];
}

function fromTuple([topic, partition, text]: [string, number, string]): SourceMark {
  const source = parseSourcePosition(text);
  if (source === null) throw new MillraceError("DATA_FORMAT_UNSUPPORTED", `${text} is no source position`);
  return { topic, partition, source };
}
