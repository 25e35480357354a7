import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { fitPositions } from "../../engine/fit-positions.ts";
import { InsertBatch } from "./insert-batch.ts";
import { erasuresOf, matchesPlan, slotOf, type InsertPlan } from "./insert-plan.ts";
import { insertSheets } from "./insert-sheets.ts";
import { setMergeSettings } from "./merge-settings.ts";
import { migrateDatabase } from "./migrate.ts";
import { claimSinkJournal, type SinkJournal } from "./sink-journal.ts";
import { STORED_TOPICS } from "./rows/encoder-of-topic.ts";
import { setRollupRetention } from "./rollups/rollup-retention.ts";
import { SinkPositions } from "./sink-positions.ts";
import { SourceMarks } from "../../engine/source-marks.ts";
import { countReadings } from "./stored-readings.ts";
import { readStoredMarks } from "./stored-marks.ts";
import type { SinkContext } from "./sink-context.ts";

/** A sink that owns its journal, knows its database and has nothing half done. */
export interface RestoredSession {
  readonly journal: SinkJournal;
  readonly database: string;
  readonly positions: SinkPositions;
  readonly marks: SourceMarks;
}

const REDO_WAIT_MS = 5000;

/** Claims the journal, brings the tables up to date, finishes the plan that was under way, and begins the journal anew. */
export async function restoreSession(context: SinkContext, signal: AbortSignal): Promise<RestoredSession> {
  const { log, link, logger, erased } = context;
  const journal = await claimSinkJournal(log, context.journal, () => context.settled.latest()?.rows ?? null);
  const database = await migrateDatabase(link, context.installation);
  const { restored } = journal;
  await setRollupRetention(link, context.rollupRetention);
  await setMergeSettings(link, logger);
  await context.rollups.restore(restored.unsettled === null ? 0 : slotOf(restored.unsettled.plan));
  const marks = new SourceMarks();
  const sameDatabase = restored.database === database;
  erased.clear();
  if (sameDatabase) {
    marks.load(restored.marks);
    erased.add(restored.erased);
  }
  if (!sameDatabase && restored.database !== null) {
    logger.warn(
      { before: restored.database, now: database },
      "the database is another one: its tables fill from the start of the log",
    );
  }
  const { partitions } = await log.status();
  // Of a new database nothing has been read: what retention has taken meanwhile, it will lack.
  const known = sameDatabase ? restored.positions : partitions.map((partition) => ({ ...partition, offset: 0 }));
  const fitted = STORED_TOPICS.map((topic) => ({
    topic,
    ...fitPositions(
      known,
      partitions.filter((partition) => partition.topic === topic),
    ),
  }));
  const positions = new SinkPositions(fitted.flatMap((one) => one.positions));
  let planLoss: MillraceError | null = null;
  if (sameDatabase && restored.unsettled !== null) {
    const { plan, marks: marksAfter } = restored.unsettled;
    planLoss = await redo(context, plan, marks, signal);
    marks.load(marksAfter);
    erased.add(erasuresOf(plan));
    positions.advance(plan.ranges.filter(({ topic, partition, to }) => to > positions.offset(topic, partition)));
  }
  if (journal.damaged) {
    // Plans that the journal has lost may be in the tables. What is above these marks is not, unless one of them was cut off.
    marks.raise(await readStoredMarks(link));
    logger.warn({ database }, "the sink's journal is damaged: it goes on by what the tables hold");
  }
  marks.takeChanged();
  context.settled.reset(await countReadings(link, context.firstGeneration), positions.list());
  await journal.snapshot(database, positions.list(), marks.all(), erased.all());
  // Only now does the journal go on behind the losses: before, they would be told with every attempt.
  reportMissed(context, fitted, sameDatabase ? "happened" : "raised");
  if (planLoss !== null) reportPlanLost(context, planLoss);
  return { journal, database, positions, marks };
}

/**
 * Makes the rows of the plan again and inserts them with the tokens of the plan. Resolves with the error when retention has deleted
 * what they are made from.
 */
async function redo(
  context: SinkContext,
  plan: InsertPlan,
  marks: SourceMarks,
  signal: AbortSignal,
): Promise<MillraceError | null> {
  const { log, logger } = context;
  const batch = new InsertBatch(marks, context.erased);
  try {
    await readRanges(context, plan, batch, signal);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "OFFSET_OUT_OF_RANGE") throw error;
    // Whether its rows are there cannot be told: counting them twice would be worse than missing some.
    return error;
  }
  const sheets = batch.finish(slotOf(plan) || context.rollups.slot);
  if (!matchesPlan(plan, sheets))
    logger.error({ plan: plan.id }, "the rows of an unfinished plan are not what they were");
  logger.info(
    { plan: plan.id, inserts: sheets.length, partitions: log.partitionCount },
    "an unfinished plan is inserted again",
  );
  await insertSheets(context, plan, sheets);
  return null;
}

async function readRanges(
  { log }: SinkContext,
  plan: InsertPlan,
  batch: InsertBatch,
  signal: AbortSignal,
): Promise<void> {
  const open = new Map(plan.ranges.map((range) => [`${range.topic} ${range.partition}`, { ...range }]));
  const reader = log.openReader(plan.ranges.map(({ topic, partition, from }) => ({ topic, partition, offset: from })));
  try {
    while (open.size > 0) {
      const slices = await reader.poll({ bytesMax: LIMITS.sinkFetchBytesMax, waitMs: REDO_WAIT_MS, signal });
      if (slices.length === 0)
        throw new MillraceError("LOG_IO", "the log does not give back the records of an unfinished plan");
      for (const slice of slices) {
        const key = `${slice.topic} ${slice.partition}`;
        const range = open.get(key);
        if (range === undefined) continue;
        const nextOffset = Math.min(slice.nextOffset, range.to);
        batch.add(
          { ...slice, nextOffset, records: slice.records.filter(({ offset }) => offset < range.to) },
          range.from,
        );
        range.from = nextOffset;
        if (nextOffset >= range.to) open.delete(key);
      }
    }
  } finally {
    reader.close();
  }
}

function reportPlanLost({ counters, onFault, logger }: SinkContext, error: MillraceError): void {
  const text = `Retention deleted records whose insert was under way: ${error.message}.`;
  logger.error({ err: error }, text);
  counters.plansLost.add();
  onFault("clickhouse-plan-lost", "happened", text);
}

/** Of a database that begins with a gap the fault stands, for doctor to see; a gap that an old one has got is told once. */
function reportMissed(
  { counters, onFault, logger }: SinkContext,
  fitted: readonly { readonly topic: string; readonly missed: number }[],
  state: "raised" | "happened",
): void {
  const missed = fitted.filter((one) => one.missed > 0);
  if (missed.length === 0) return;
  const list = missed.map((one) => `${one.missed} of ${one.topic}`).join(", ");
  const text = `Retention deleted records before they reached ClickHouse, whose tables lack them for good: ${list}.`;
  for (const one of missed) counters.missed.add(one.missed);
  logger.error({ missed: list }, text);
  onFault("clickhouse-missed", state, text);
}
