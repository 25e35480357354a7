import { isMillraceError } from "../../core/errors.ts";
import { LIMITS, type Limits } from "../../core/limits.ts";
import { pause } from "../../core/pause.ts";
import { ForwardPositions } from "./forward-positions.ts";
import { planRound, type ForwardRound, type RoundLimits } from "./plan-round.ts";
import type { FetchedSlice, JournalId, LogReader } from "../../core/event-log.ts";
import type { ReportFault } from "../../core/fault.ts";
import type { ForwardMeters } from "./forward-meters.ts";
import type { ForwardSinkOptions } from "./forward-options.ts";
import type { EnvelopeSender } from "./send-envelope.ts";

export const FORWARD_JOURNAL = "sink:forward";

const JOURNAL: JournalId = { name: FORWARD_JOURNAL, partition: 0 };
const READ_WAIT_MS = 1000;
/** Positions behind control records alone are kept this often: there may be some every moment. */
const IDLE_COMMIT_MS = 5000;

export type ForwardReaderOptions = Pick<ForwardSinkOptions, "log" | "generation" | "installation" | "logger"> & {
  readonly sender: EnvelopeSender;
  readonly meters: ForwardMeters;
  readonly onFault: ReportFault;
  readonly limits?: RoundLimits & Pick<Limits, "forwardFetchBytesMax" | "forwardLingerMs">;
};

/** One run of the forwarder, as those see it who look at it from outside. */
export interface ForwardRun {
  readonly positions: ForwardPositions;
  /** Messages that were read and are not acknowledged upstream. */
  readonly underWay: number;
  /** Receive time of the oldest of them, UTC ms; null when there is none. */
  readonly oldest: number | null;
}

/**
 * Topic `telemetry` → upstream, from the kept positions on: read → send → keep the positions. One envelope is under way at a time, so that a
 * device's messages arrive in their order whatever breaks off. Rejects at the first failure of the log; what was not kept comes again.
 */
export async function readAndForward(
  options: ForwardReaderOptions,
  signal: AbortSignal,
  onRun: (run: ForwardRun) => void,
): Promise<void> {
  const { log, sender, meters, limits = LIMITS } = options;
  const { epoch, positions } = await begin(options);
  const run: Writable<ForwardRun> = { positions, underWay: 0, oldest: null };
  const commit = () =>
    log.commit({
      journal: JOURNAL,
      epoch,
      entry: {
        kind: "snapshot",
        complete: true,
        positions: positions.topicPositions(),
        nextTimer: null,
        body: positions.body(),
      },
      outputs: [],
    });
  await commit();
  onRun(run);
  const reader = log.openReader(positions.topicPositions());
  let committedAt = performance.now();
  let moves = positions.moves;
  try {
    while (!signal.aborted) {
      const slices = await pollOrPass(options, reader, positions, signal);
      if (slices.length === 0) continue;
      const round = planRound(slices, options, limits);
      positions.advance(round.advances);
      run.oldest = round.oldest;
      run.underWay = round.envelopes.reduce((sum, { messages }) => sum + messages, 0);
      tellSkipped(options, round);
      for (const { bytes, messages } of round.envelopes) {
        if (!(await sender.send(bytes, signal))) return;
        meters.forwarded(messages, bytes.length);
        run.underWay -= messages;
      }
      run.oldest = null;
      if (round.oldest !== null || performance.now() - committedAt > IDLE_COMMIT_MS) {
        await commit();
        committedAt = performance.now();
      }
      // While envelopes were under way, retention may have passed what comes next.
      if (round.isCut || moves !== positions.moves) reader.seek(positions.topicPositions());
      moves = positions.moves;
      if (!round.isCut && isSmall(round, limits)) await pause(limits.forwardLingerMs, signal);
    }
  } finally {
    reader.close();
  }
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Takes the journal over: where to go on, and the epoch to keep it under. */
async function begin({ log, onFault, meters }: ForwardReaderOptions) {
  const claim = await log.claim(JOURNAL);
  const status = await log.status();
  const kept = ForwardPositions.ofClaim(claim, log.partitionCount);
  const isLost = claim.damaged || (kept === null && claim.entries.length > 0) || kept?.isBeyond(status) === true;
  if (!isLost && kept !== null) {
    tellDropped(meters, onFault, kept.passRetention(status));
    return { epoch: claim.epoch, positions: kept };
  }
  if (isLost) {
    onFault(
      "forward-position-lost",
      "happened",
      "How far telemetry was forwarded is damaged or of another log: it is forwarded again from the start of what this log holds, and what is older than the upstream's memory of a device counts there twice.",
    );
  }
  return { epoch: claim.epoch, positions: ForwardPositions.atStart(status, log.partitionCount) };
}

/** What there is to read; nothing, from where retention has left something on, when it has passed a position. */
async function pollOrPass(
  { log, meters, onFault, limits = LIMITS }: ForwardReaderOptions,
  reader: LogReader,
  positions: ForwardPositions,
  signal: AbortSignal,
): Promise<readonly FetchedSlice[]> {
  try {
    return await reader.poll({ bytesMax: limits.forwardFetchBytesMax, waitMs: READ_WAIT_MS, signal });
  } catch (error) {
    if (!isMillraceError(error, "OFFSET_OUT_OF_RANGE")) throw error;
    tellDropped(meters, onFault, positions.passRetention(await log.status()));
    reader.seek(positions.topicPositions());
    return [];
  }
}

export function tellDropped(meters: ForwardMeters, onFault: ReportFault, messages: number): void {
  if (messages === 0) return;
  meters.dropped(messages);
  onFault(
    "forward-dropped",
    "happened",
    `Retention deleted ${messages} messages that were not forwarded yet: the log is full or they are too old, and MILLRACE_FORWARD_WHEN_FULL is drop-oldest.`,
  );
}

function tellSkipped({ meters, onFault, logger }: ForwardReaderOptions, round: ForwardRound): void {
  meters.planned(round);
  if (round.tooLarge === 0) return;
  const text = `${round.tooLarge} messages cannot be forwarded: compressed they are larger than ${LIMITS.forwardBatchBytesMax} bytes, which an installation upstream takes at most. They stay in the readings or the quarantine of this one.`;
  logger.error({ messages: round.tooLarge }, text);
  onFault("forward-too-large", "happened", text);
}

/** Little came: what comes next may go with more. */
function isSmall({ envelopes }: ForwardRound, limits: Pick<RoundLimits, "forwardBatchBytesMax">): boolean {
  return envelopes.length <= 1 && (envelopes[0]?.bytes.length ?? 0) < limits.forwardBatchBytesMax / 4;
}
