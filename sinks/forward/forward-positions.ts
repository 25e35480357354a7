import { z } from "zod";
import { parseJson } from "../../core/parse-json.ts";
import { partitionOf } from "../../core/partitioner.ts";
import type { JournalClaim, LogStatus, TopicPosition } from "../../core/event-log.ts";
import type { ReadAdvance } from "./plan-round.ts";

export const FORWARD_TOPIC = "telemetry";

/** What the journal keeps beside the positions: how many messages lie before each. */
const bodySchema = z.object({ v: z.literal(1), messages: z.array(z.int().nonnegative()) });

/**
 * How far each partition of `telemetry` has been read, in offsets and in messages: control records are none, and retention counts the messages
 * that it deletes. So what it deleted unforwarded is known exactly.
 */
export class ForwardPositions {
  /** Grows when retention has moved a position: a reader must seek then. */
  moves = 0;
  readonly #offsets: number[];
  readonly #messages: number[];

  private constructor(offsets: number[], messages: number[]) {
    this.#offsets = offsets;
    this.#messages = messages;
  }

  /** At the start of what the log holds, which is what a forwarder begins with. */
  static atStart(status: LogStatus, partitionCount: number): ForwardPositions {
    const starts = startsOf(status, partitionCount);
    return new ForwardPositions(starts, deletedMessages(status, partitionCount));
  }

  /** Null when the journal says nothing that can be read. */
  static ofClaim({ entries }: JournalClaim, partitionCount: number): ForwardPositions | null {
    const last = entries.at(-1);
    if (last === undefined) return null;
    const body = bodySchema.safeParse(parseJson(last.body));
    if (!body.success || body.data.messages.length !== partitionCount) return null;
    const offsets: number[] = Array.from({ length: partitionCount }, () => 0);
    for (const { topic, partition, offset } of last.positions) if (topic === FORWARD_TOPIC) offsets[partition] = offset;
    return new ForwardPositions(offsets, [...body.data.messages]);
  }

  topicPositions(): readonly TopicPosition[] {
    return this.#offsets.map((offset, partition) => ({ topic: FORWARD_TOPIC, partition, offset }));
  }

  body(): Uint8Array {
    return Buffer.from(JSON.stringify({ v: 1, messages: this.#messages }));
  }

  advance(advances: readonly ReadAdvance[]): void {
    for (const { partition, nextOffset, messages } of advances) {
      this.#offsets[partition] = nextOffset;
      this.#messages[partition] = (this.#messages[partition] ?? 0) + messages;
    }
  }

  /** Goes on where retention has left something, and returns how many messages were deleted before they were read. */
  passRetention(status: LogStatus): number {
    const starts = startsOf(status, this.#offsets.length);
    if (starts.every((start, partition) => start <= (this.#offsets[partition] ?? 0))) return 0;
    this.moves += 1;
    const deleted = deletedMessages(status, this.#offsets.length);
    let dropped = 0;
    for (const [partition, start] of starts.entries()) {
      if (start <= (this.#offsets[partition] ?? 0)) continue;
      const messages = deleted[partition] ?? 0;
      dropped += Math.max(0, messages - (this.#messages[partition] ?? 0));
      this.#offsets[partition] = start;
      this.#messages[partition] = messages;
    }
    return dropped;
  }

  /** True when a position lies behind the end: it is of another log, restored from a backup or begun anew. */
  isBeyond(status: LogStatus): boolean {
    return status.partitions.some(
      ({ topic, partition, endOffset }) => topic === FORWARD_TOPIC && (this.#offsets[partition] ?? 0) > endOffset,
    );
  }
}

/** Records that wait behind the positions, control records among them. */
export function waitingRecords(status: LogStatus, positions: readonly TopicPosition[]): number {
  const ends = new Map(
    status.partitions.flatMap(({ topic, partition, endOffset }) =>
      topic === FORWARD_TOPIC ? [[partition, endOffset] as const] : [],
    ),
  );
  return positions.reduce((sum, { partition, offset }) => sum + Math.max(0, (ends.get(partition) ?? 0) - offset), 0);
}

function startsOf(status: LogStatus, partitionCount: number): number[] {
  const starts: number[] = Array.from({ length: partitionCount }, () => 0);
  for (const { topic, partition, startOffset } of status.partitions) {
    if (topic === FORWARD_TOPIC) starts[partition] = startOffset;
  }
  return starts;
}

function deletedMessages({ deletedTelemetry }: LogStatus, partitionCount: number): number[] {
  const deleted: number[] = Array.from({ length: partitionCount }, () => 0);
  for (const [key, count] of Object.entries(deletedTelemetry)) {
    const partition = partitionOf(key, partitionCount);
    deleted[partition] = (deleted[partition] ?? 0) + count;
  }
  return deleted;
}
