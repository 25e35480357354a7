import { backOffMs } from "../../core/back-off.ts";
import { errorText, isMillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { AlarmEvent } from "../../core/derived-records.ts";
import type { JournalId } from "../../core/event-log.ts";
import type { ReportFault } from "../../core/fault.ts";
import { decodeAlarms, type DecodedAlarms } from "./alarm-records.ts";
import type { NotifySinkOptions } from "./notify-options.ts";
import { pause } from "../../core/pause.ts";
import type { ReaderPositions } from "./reader-positions.ts";
import { RECOVER_DELAY_MS } from "./retry-delay.ts";
import type { TracedAlarms } from "./traced-alarms.ts";
import { startPositions } from "./start-positions.ts";

export interface AlarmReader {
  /** Reads until `signal` aborts. Failures of log and registry are waited out; only a programmer's error rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Null while it reads; else why not. */
  notReadyReason(): string | null;
}

export const NOTIFY_JOURNAL = "sink:notify";

const JOURNAL: JournalId = { name: NOTIFY_JOURNAL, partition: 0 };
const READ_WAIT_MS = 1000;
const NOTHING = new Uint8Array(0);

export type AlarmReaderOptions = Pick<NotifySinkOptions, "log" | "alarms" | "logger" | "metrics"> & {
  readonly onFault: ReportFault;
  /** Names of the destinations that have rows of their own in the outbox. */
  readonly copies: readonly string[];
  /** Null: no alarm is traced. */
  readonly traced: TracedAlarms | null;
  /** Called when new notifications may be due. */
  onApplied(): void;
};

/** Topic `alarms` → alarm store and outbox: consume → apply → commit. */
export function createAlarmReader(options: AlarmReaderOptions): AlarmReader {
  const { logger, onFault } = options;
  let reason: string | null = "the notify sink has not started";
  let failures = 0;
  const progress = {
    onOpened: () => void (reason = failures === 0 ? null : reason),
    onRound() {
      if (failures > 0) onFault("notify-reader", "cleared", "Alarms are read again.");
      failures = 0;
      reason = null;
    },
  };
  return {
    notReadyReason: () => reason,
    async run(signal) {
      while (!signal.aborted) {
        try {
          await readAlarms(options, signal, progress);
        } catch (error) {
          if (signal.aborted) break;
          if (!isMillraceError(error)) throw error;
          failures += 1;
          reason = `alarms cannot be read: ${errorText(error)}`;
          if (failures === 1) onFault("notify-reader", "raised", `Alarms cannot be read: ${errorText(error)}`);
          logger.warn({ code: error.code, err: error }, "the notify sink starts over");
          await pause(backOffMs(RECOVER_DELAY_MS, LIMITS.notifyRecoverDelayMsMax, failures - 1), signal);
        }
      }
      reason = "the notify sink has stopped";
    },
  };
}

interface ReaderProgress {
  /** Log and registry answered. */
  onOpened(): void;
  /** A round ended with everything applied and committed. */
  onRound(): void;
}

/** One run from the stored positions on; rejects at the first failure, and nothing is lost: what was not applied is read again. */
async function readAlarms(options: AlarmReaderOptions, signal: AbortSignal, progress: ReaderProgress): Promise<void> {
  const { log, alarms } = options;
  const { epoch } = await log.claim(JOURNAL);
  const { positions, missed } = await startPositions(log, alarms);
  const commit = () => commitPositions(options, epoch, positions);
  await commit();
  if (missed > 0) {
    // Where to go on is kept first, so that the loss is told once.
    await alarms.applyEvents([], positions.toRecord());
    reportMissed(options, missed);
  }
  progress.onOpened();
  const reader = log.openReader(positions.topicPositions());
  let applied = positions.toRecord();
  try {
    while (!signal.aborted) {
      const slices = await reader.poll({ bytesMax: LIMITS.alarmFetchBytesMax, waitMs: READ_WAIT_MS, signal });
      if (slices.length === 0) {
        progress.onRound();
        continue;
      }
      const decoded = decodeAlarms(slices, positions, options.traced);
      reportDecoded(options, decoded);
      const next = positions.toRecord();
      await applyEvents(options, decoded.events, applied, next);
      applied = next;
      options.traced?.applied(decoded.events);
      if (decoded.events.length > 0) options.onApplied();
      await commit();
      progress.onRound();
    }
  } finally {
    reader.close();
  }
}

/** All at once; when the store refuses one of them for good, one by one, so that the others get through. */
async function applyEvents(
  { alarms, copies, logger, metrics }: AlarmReaderOptions,
  events: readonly AlarmEvent[],
  before: Readonly<Record<string, number>>,
  next: Readonly<Record<string, number>>,
): Promise<void> {
  const refusal = await refusalOf(alarms.applyEvents(events, next, copies));
  if (refusal === null) return;
  for (const event of events) {
    // Positions move last: after a crash in between, the rest is read again.
    const single = await refusalOf(alarms.applyEvents([event], before, copies));
    if (single === null) continue;
    skippedCounter(metrics).add();
    logger.error({ alarm: event.id, transition: event.transition, err: single }, "the registry refuses an alarm event");
  }
  await alarms.applyEvents([], next);
}

/** The error of a call that fails again however often it is made; null when it succeeded. Passing errors reject. */
async function refusalOf(call: Promise<void>): Promise<Error | null> {
  try {
    await call;
    return null;
  } catch (error) {
    if (isMillraceError(error) && error.retry === "never") return error;
    throw error;
  }
}

/** Tells the log how far this consumer is: lag and retention go by it. A snapshot each time, so that the journal stays one entry long. */
async function commitPositions({ log }: AlarmReaderOptions, epoch: number, positions: ReaderPositions): Promise<void> {
  const entry = {
    kind: "snapshot",
    complete: true,
    positions: positions.topicPositions(),
    nextTimer: null,
    body: NOTHING,
  } as const;
  await log.commit({ journal: JOURNAL, epoch, entry, outputs: [] });
}

function reportMissed({ logger, metrics, onFault }: AlarmReaderOptions, missed: number): void {
  const text = `Retention deleted ${missed} alarm records before they were read; their alarms are not known here.`;
  logger.error({ missed }, text);
  metrics.counter("millrace_notify_missed_total", "Alarm records that retention deleted unread.").add(missed);
  onFault("notify-missed", "happened", text);
}

function reportDecoded({ logger, metrics }: AlarmReaderOptions, { events, skipped, repeats }: DecodedAlarms): void {
  metrics.counter("millrace_notify_events_total", "Alarm transitions read from the log.").add(events.length);
  metrics
    .counter("millrace_notify_repeats_total", "Alarm records dropped as repeats by their source position.")
    .add(repeats);
  skippedCounter(metrics).add(skipped.length);
  for (const bad of skipped) logger.warn(bad, "an alarm record cannot be read and is skipped");
}

function skippedCounter(metrics: AlarmReaderOptions["metrics"]) {
  return metrics.counter("millrace_notify_skipped_total", "Alarm records that could not be read or applied.");
}
