import { LIMITS } from "../../core/limits.ts";
import { InsertBatch } from "./insert-batch.ts";
import { insertSheets, type InsertOutcome } from "./insert-sheets.ts";
import { makeInsertPlan, type InsertPlan } from "./insert-plan.ts";
import { restoreSession, type RestoredSession } from "./restore-session.ts";
import { SinkPositions } from "./sink-positions.ts";
import { TracedRows } from "./traced-rows.ts";
import type { LogReader } from "../../core/event-log.ts";
import type { SinkContext } from "./sink-context.ts";

/** How long a poll waits at most: the end of an insert is noticed between polls. */
const POLL_MS = 100;

/** The insert or the round of roll-ups under way, and how it ended. */
interface Running {
  /** Null for a round of roll-ups. */
  readonly plan: InsertPlan | null;
  state: "running" | "done" | "failed";
  readingRows: number | null;
  readonly ended: Promise<void>;
  error: unknown;
}

/**
 * consume → to rows → insert → settle, until `stopping` aborts. While a plan is being inserted the next one is gathered, up to its
 * ceiling; then nothing more is read. Rejects at the first failure with everything to be restored from the journal.
 */
export async function runSession(context: SinkContext, stopping: AbortSignal): Promise<void> {
  const restored = await restoreSession(context, stopping);
  context.onProgress();
  // A record's rows are written when it is added to a batch.
  const reader = context.log.openReader(restored.positions.list(), { untilNextPoll: true });
  const pump = new SinkPump(context, restored, reader);
  try {
    while (!stopping.aborted) await pump.turn(stopping);
    await pump.finish();
  } finally {
    reader.close();
    // What is under way must not meet what the next session does.
    await pump.ended();
  }
}

class SinkPump {
  readonly #context: SinkContext;
  readonly #session: RestoredSession;
  readonly #reader: LogReader;
  /** Where reading goes on; the session's own positions are those that are settled. */
  readonly #reading: SinkPositions;
  #batch: InsertBatch;
  #running: Running | null = null;
  #plannedAt = Number.NEGATIVE_INFINITY;
  /** Positions moved and the journal does not say so yet. */
  #unsaid = false;

  constructor(context: SinkContext, session: RestoredSession, reader: LogReader) {
    this.#context = context;
    this.#session = session;
    this.#reader = reader;
    this.#reading = session.positions.copy();
    this.#batch = newBatch(context, session);
  }

  async turn(stopping: AbortSignal): Promise<void> {
    if (!this.#isFull()) await this.#read(stopping);
    else await this.#running?.ended;
    if (this.#running?.state === "failed") throw this.#running.error;
    if (this.#running?.state === "done") this.#onInserted(this.#running);
    if (stopping.aborted || this.#running !== null) return;
    if (this.#context.rollups.isDue()) await this.#rollUp();
    else if (this.#isFull() || this.#isDue()) await this.#submit();
    // One small commit per insert, so that lag and ledger do not trail the table by a plan.
    else if (this.#unsaid) await this.#settle();
  }

  /** Waits for the insert under way and writes down that it is done. What was only read is read again next time. */
  async finish(): Promise<void> {
    await this.#drain();
    if (this.#unsaid) await this.#settle();
  }

  /** Resolves when nothing is under way any more, however it ended. */
  async ended(): Promise<void> {
    await this.#running?.ended;
  }

  #isFull(): boolean {
    return this.#batch.rows >= this.#context.rowsMax || this.#batch.byteLength >= LIMITS.insertBytesMax;
  }

  #isDue(): boolean {
    return !this.#batch.isEmpty && this.#context.clock.now() - this.#plannedAt >= this.#context.lingerMs;
  }

  async #read(signal: AbortSignal): Promise<void> {
    const slices = await this.#reader.poll({ bytesMax: LIMITS.sinkFetchBytesMax, waitMs: POLL_MS, signal });
    for (const slice of slices) {
      this.#batch.add(slice, this.#reading.offset(slice.topic, slice.partition));
      this.#reading.advance([{ ...slice, to: slice.nextOffset }]);
    }
    this.#context.counters.pendingRows.set(this.#batch.rows);
  }

  /** Never beside an insert: a bucket must not be computed of rows that are being erased. */
  async #rollUp(): Promise<void> {
    if (this.#unsaid) await this.#settle();
    const round = this.#context.rollups.round();
    this.#running = watch(
      null,
      round.then(() => null),
    );
  }

  /** Plans what was gathered and starts its inserts. */
  async #submit(): Promise<void> {
    const { journal, database, positions, marks } = this.#session;
    const batch = this.#batch;
    const sheets = batch.finish(this.#context.rollups.slot);
    const changed = marks.takeChanged();
    const plan = makeInsertPlan(this.#context.planId(), batch.ranges(), sheets, batch.erasures);
    this.#report(batch);
    this.#batch = newBatch(this.#context, this.#session);
    this.#plannedAt = this.#context.clock.now();
    if (sheets.length === 0 && batch.erasures.length === 0) {
      positions.advance(plan.ranges);
      this.#context.settled.settle(plan, positions.list());
      await journal.settle(database, positions.list(), changed);
      this.#unsaid = false;
      return;
    }
    await journal.plan(plan, database, positions.list(), changed);
    this.#unsaid = true;
    this.#running = watch(plan, insertSheets(this.#context, plan, sheets), batch.traced?.begin(plan));
    if (!journal.wantsSnapshot()) return;
    // The marks must be those of what is settled, so nothing is gathered meanwhile.
    await this.#drain();
    await journal.snapshot(database, positions.list(), marks.all(), this.#context.erased.all());
    this.#unsaid = false;
  }

  async #drain(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    await running.ended;
    if (running.state === "failed") throw running.error;
    this.#onInserted(running);
  }

  #onInserted({ plan, readingRows }: Running): void {
    const { positions } = this.#session;
    this.#running = null;
    if (plan === null) return;
    positions.advance(plan.ranges);
    if (readingRows === null) this.#context.settled.settle(plan, positions.list());
    else this.#context.settled.reset(readingRows, positions.list());
    this.#context.onProgress();
  }

  async #settle(): Promise<void> {
    await this.#session.journal.settle(this.#session.database, this.#session.positions.list(), []);
    this.#unsaid = false;
    this.#context.onProgress();
  }

  #report({ bad, repeats, corrupt }: InsertBatch): void {
    const { counters, logger } = this.#context;
    counters.repeats.add(repeats);
    counters.bad.add(bad.length);
    counters.corrupt.add(corrupt);
    if (bad[0] !== undefined)
      logger.error({ first: bad[0], count: bad.length }, "records without the shape of their topic have no rows");
    if (corrupt > 0) logger.error({ count: corrupt }, "records that the log cannot read any more have no rows");
  }
}

function newBatch({ erased, tracer }: SinkContext, { marks }: RestoredSession): InsertBatch {
  return new InsertBatch(marks, erased, tracer === null ? null : new TracedRows(tracer));
}

function watch(plan: InsertPlan | null, work: Promise<InsertOutcome | null>, onDone?: () => void): Running {
  const running: Running = {
    plan,
    state: "running",
    error: undefined,
    readingRows: null,
    ended: work.then(
      (outcome) => {
        running.readingRows = outcome?.readingRows ?? null;
        running.state = "done";
        onDone?.();
      },
      (error: unknown) => {
        running.error = error;
        running.state = "failed";
      },
    ),
  };
  return running;
}
