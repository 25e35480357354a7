import { alarmEventSchema, type AlarmEvent } from "../../core/derived-records.ts";
import type { FetchedSlice } from "../../core/event-log.ts";
import { errorText } from "../../core/errors.ts";
import { HEADER, isControlRecord, type LogRecord } from "../../core/record.ts";
import { parseSourcePosition } from "../../core/source-position.ts";
import type { ReaderPositions } from "./reader-positions.ts";
import type { TracedAlarms } from "./traced-alarms.ts";

export interface SkippedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly reason: string;
}

export interface DecodedAlarms {
  readonly events: readonly AlarmEvent[];
  readonly skipped: readonly SkippedRecord[];
  /** Records that a restarted stage emitted again. */
  readonly repeats: number;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Reads the slices' alarm events and moves `positions` past them. A bad record is skipped: it must not stop the good ones. */
export function decodeAlarms(
  slices: readonly FetchedSlice[],
  positions: ReaderPositions,
  traced: TracedAlarms | null = null,
): DecodedAlarms {
  const events: AlarmEvent[] = [];
  const skipped: SkippedRecord[] = [];
  let repeats = 0;
  for (const { partition, records, nextOffset, corrupt } of slices) {
    if (corrupt) {
      const lost = `offsets ${corrupt.fromOffset} to ${corrupt.toOffset} failed their checksum`;
      skipped.push({ partition, offset: corrupt.fromOffset, reason: lost });
    }
    for (const record of records) {
      if (isControlRecord(record)) continue;
      const source = parseSourcePosition(record.header(HEADER.source) ?? "");
      // Without a source position there is no mark to go by; the registry still tells each (alarm id, transition) once.
      if (source && !positions.takeIfNew(source)) {
        repeats += 1;
        continue;
      }
      const decoded = decodeAlarm(record);
      if ("event" in decoded) {
        events.push(decoded.event);
        traced?.read(decoded.event, record, partition);
      } else skipped.push({ partition, offset: record.offset, reason: decoded.reason });
    }
    positions.advance(partition, nextOffset);
  }
  return { events, skipped, repeats };
}

function decodeAlarm(record: LogRecord): { readonly event: AlarmEvent } | { readonly reason: string } {
  try {
    const parsed = alarmEventSchema.safeParse(JSON.parse(decoder.decode(record.value)));
    if (parsed.success) return { event: parsed.data };
    const issue = parsed.error.issues[0];
    return { reason: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not an alarm event"}` };
  } catch (error) {
    return { reason: errorText(error) };
  }
}
