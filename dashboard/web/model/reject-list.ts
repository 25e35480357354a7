import type { DeadLetter } from "../../../core/derived-records.ts";
import type { QuarantinedMessage } from "../../../core/rejects.ts";

/** The reason that dead letters are filtered by; those of quarantined messages are `QUARANTINE_REASONS`. */
export const DEAD_LETTER = "dead-letter";

/** What the stage refused or failed on, whichever of the two it was. */
export interface Reject {
  readonly key: string;
  readonly reason: string;
  readonly device: string;
  /** Receive time, UTC ms. */
  readonly received: number;
  /** Event time, where the message had one that could be read. */
  readonly ts: number | null;
  /** The metric whose value it was; null when it was the whole message. */
  readonly metric: string | null;
  /** A sentence with the offending value, or the error. */
  readonly detail: string;
  readonly payload: string;
  /** Where the message stands in the log. */
  readonly source: string;
  /** Of a dead letter only. */
  readonly stack: string | null;
}

/** Newest first; what came at the same time stays in the order of the log. */
export function mergeRejects(
  quarantined: readonly QuarantinedMessage[],
  deadLetters: readonly DeadLetter[],
): readonly Reject[] {
  const rejects = [...quarantined.map(ofQuarantined), ...deadLetters.map(ofDeadLetter)];
  return rejects.map((reject, i) => ({ ...reject, key: `${reject.key} ${i}` })).sort((a, b) => b.received - a.received);
}

/** Those that have the text anywhere, whatever its case. */
export function searchRejects(rejects: readonly Reject[], search: string): readonly Reject[] {
  const text = search.trim().toLowerCase();
  if (text === "") return rejects;
  return rejects.filter(({ device, reason, metric, detail, payload }) =>
    [device, reason, metric ?? "", detail, payload].some((part) => part.toLowerCase().includes(text)),
  );
}

const EXCERPT_CHARS = 160;

/** The beginning of a payload in one line. */
export function excerpt(payload: string): string {
  const line = payload
    .slice(0, 2 * EXCERPT_CHARS)
    .replace(/\s+/g, " ")
    .trim();
  return line.length > EXCERPT_CHARS ? `${line.slice(0, EXCERPT_CHARS)}…` : line;
}

function ofQuarantined({ reason, device, received, ts, metric, detail, payload, source }: QuarantinedMessage): Reject {
  const where = `telemetry, partition ${source.partition}, offset ${source.offset}`;
  const key = `${source.partition} ${source.offset}`;
  return {
    key,
    reason,
    device,
    received,
    ts: ts ?? null,
    metric: metric ?? null,
    detail,
    payload,
    source: where,
    stack: null,
  };
}

function ofDeadLetter(letter: DeadLetter): Reject {
  const { topic, partition, offset } = letter.source;
  const timer = letter.timer === undefined ? "" : `, its timer ${letter.timer.name}`;
  return {
    key: `${partition} ${offset}`,
    reason: DEAD_LETTER,
    device: letter.device,
    received: letter.received,
    ts: letter.timer?.at ?? null,
    metric: null,
    detail: `${letter.function}: ${letter.errorClass}: ${letter.error}`,
    payload: textOf(letter.payload),
    source: `${topic}, partition ${partition}, offset ${offset}${timer}`,
    stack: letter.stack,
  };
}

/** Bytes in base64 as text; those that are not UTF-8 are replaced. What is no base64 stays as it is. */
function textOf(base64: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
  } catch {
    return base64;
  }
}
