import { formatForwardedOrigin, parseForwardedOrigin } from "../../core/forwarded-origin.ts";
import { LIMITS, type Limits } from "../../core/limits.ts";
import { HEADER, isControlRecord, type LogRecord } from "../../core/record.ts";
import { compressForwardBatch, forwardedRecord } from "../../wire/forward-batch.ts";
import { RecordBatchWriter } from "../../wire/record-batch-writer.ts";
import type { FetchedSlice } from "../../core/event-log.ts";

/** Where a slice was read up to, and how many messages lay in what was read. */
export interface ReadAdvance {
  readonly partition: number;
  readonly nextOffset: number;
  readonly messages: number;
}

export interface Envelope {
  readonly bytes: Buffer;
  readonly messages: number;
}

/** What one poll gave, made ready to be sent. Nothing of it is sent again once the positions behind it are kept. */
export interface ForwardRound {
  readonly envelopes: readonly Envelope[];
  readonly advances: readonly ReadAdvance[];
  /** True when not all that was polled is in it: reading goes on at the advances. */
  readonly isCut: boolean;
  /** Receive time of the oldest message in it, UTC ms; null when there is none. */
  readonly oldest: number | null;
  /** Messages that stay here: `refused`, which no device may say; `tooLarge` for the upstream; `corrupt`, which the log cannot read any more. */
  readonly refused: number;
  readonly tooLarge: number;
  readonly corrupt: number;
}

/** Names a log and its installation in source positions. */
export interface ForwardSource {
  readonly installation: string;
  readonly generation: number;
}

export type RoundLimits = Pick<
  Limits,
  "forwardedPerDeviceMax" | "forwardBatchRecordsMax" | "forwardBatchPlainBytesMax" | "forwardBatchBytesMax"
>;

/** A guess at what a record takes besides its value. */
const RECORD_BYTES_BESIDES = 400;

/**
 * Envelopes of the messages of `slices`, in the order of their partitions. A device has no more than `forwardedPerDeviceMax` in a round: so
 * many may come upstream twice after a crash, and there they are known while no more came in between.
 */
export function planRound(
  slices: readonly FetchedSlice[],
  source: ForwardSource,
  limits: RoundLimits = LIMITS,
): ForwardRound {
  const packer = new EnvelopePacker(limits);
  const perDevice = new Map<string, number>();
  const advances: ReadAdvance[] = [];
  let oldest: number | null = null;
  let refused = 0;
  let corrupt = 0;
  /** Of these not all that was polled is in the round: nothing behind it may be either, also where damage has made slices of one partition several. */
  const cut = new Set<number>();
  for (const { partition, records, nextOffset, corrupt: damage } of slices) {
    if (cut.has(partition)) continue;
    let end = nextOffset;
    let messages = 0;
    for (const record of records) {
      if (isControlRecord(record)) continue;
      const key = record.key ?? "";
      const count = (perDevice.get(key) ?? 0) + 1;
      if (count > limits.forwardedPerDeviceMax) {
        end = record.offset;
        cut.add(partition);
        break;
      }
      perDevice.set(key, count);
      messages += 1;
      if (key === "" || record.header(HEADER.refused) !== undefined) refused += 1;
      else packer.add(record, originOf(record, partition, source));
      oldest = Math.min(oldest ?? record.timestamp, record.timestamp);
    }
    if (damage !== undefined && end >= damage.toOffset) corrupt += damage.toOffset - damage.fromOffset;
    advances.push({ partition, nextOffset: end, messages });
  }
  const { envelopes, tooLarge } = packer.end();
  return { envelopes, advances, isCut: cut.size > 0, oldest, refused, tooLarge, corrupt };
}

/** What another edge has forwarded here keeps the time at which it came in there. */
function originOf(record: LogRecord, partition: number, source: ForwardSource): string {
  const before = parseForwardedOrigin(record.header(HEADER.forwarded) ?? "");
  const { offset, timestamp } = record;
  return formatForwardedOrigin({ ...source, partition, offset, received: before?.received ?? timestamp });
}

class EnvelopePacker {
  readonly #limits: RoundLimits;
  readonly #writer = new RecordBatchWriter();
  readonly #envelopes: Envelope[] = [];
  #tooLarge = 0;

  constructor(limits: RoundLimits) {
    this.#limits = limits;
  }

  add(record: LogRecord, origin: string): void {
    const { forwardBatchRecordsMax, forwardBatchPlainBytesMax } = this.#limits;
    const writer = this.#writer;
    const bytes = writer.byteLength + record.value.length + RECORD_BYTES_BESIDES;
    if (writer.count === forwardBatchRecordsMax || bytes > forwardBatchPlainBytesMax) this.#close();
    writer.append(forwardedRecord(record, origin));
  }

  end(): { readonly envelopes: readonly Envelope[]; readonly tooLarge: number } {
    this.#close();
    return { envelopes: this.#envelopes, tooLarge: this.#tooLarge };
  }

  #close(): void {
    const messages = this.#writer.count;
    if (messages === 0) return;
    // A batch that is not compressed is a view of what is written into next.
    const bytes = Buffer.from(compressForwardBatch(this.#writer.finish(0)));
    this.#writer.reset();
    if (bytes.length > this.#limits.forwardBatchBytesMax) this.#tooLarge += messages;
    else this.#envelopes.push({ bytes, messages });
  }
}
