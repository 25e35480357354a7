import { MillraceError } from "../../core/errors.ts";
import { checksum } from "../../wire/record-batch-checksum.ts";
import type { JournalEntry, TopicPosition } from "../../core/event-log.ts";
import type { LogTopology } from "../topology.ts";

/**
 * A journal entry as stored, little endian. `snapshot` tells whether a snapshot's first chunks are still there.
 *
 *     0 crc32c u32 · 4 kind u8 · 5 complete u8 · 6 positions u16 · 8 epoch f64 · 16 nextTimer f64 (NaN: none)
 *     24 first chunk of the snapshot under way f64 (−1: none) · 32 first chunk of the last complete one f64 (−1: none)
 *     40 positions: topic-partition u32, zero u32, offset f64 · body
 */
const KINDS = ["claim", "unit", "snapshot", "verdict"] as const;
const HEADER_BYTES = 40;
const POSITION_BYTES = 16;

export type StoredKind = (typeof KINDS)[number];

export interface StoredEntry extends Omit<JournalEntry, "kind" | "complete"> {
  readonly kind: StoredKind;
  readonly complete: boolean;
  readonly epoch: number;
  readonly chunkStart: number | null;
  readonly snapshotStart: number | null;
}

/** Into what `room` gives. UNKNOWN_TOPIC when a position names what the log does not have. */
export function encodeJournalEntry(
  entry: StoredEntry,
  topology: LogTopology,
  room: (length: number) => Buffer = (length) => Buffer.allocUnsafeSlow(length),
): Buffer {
  const bodyAt = HEADER_BYTES + entry.positions.length * POSITION_BYTES;
  const bytes = room(bodyAt + entry.body.length);
  bytes[4] = KINDS.indexOf(entry.kind);
  bytes[5] = entry.complete ? 1 : 0;
  bytes.writeUInt16LE(entry.positions.length, 6);
  bytes.writeDoubleLE(entry.epoch, 8);
  bytes.writeDoubleLE(entry.nextTimer ?? Number.NaN, 16);
  bytes.writeDoubleLE(entry.chunkStart ?? -1, 24);
  bytes.writeDoubleLE(entry.snapshotStart ?? -1, 32);
  let at = HEADER_BYTES;
  for (const { topic, partition, offset } of entry.positions) {
    bytes.writeUInt32LE(topology.indexOf(topic, partition), at);
    bytes.writeUInt32LE(0, at + 4);
    bytes.writeDoubleLE(offset, at + 8);
    at += POSITION_BYTES;
  }
  bytes.set(entry.body, bodyAt);
  bytes.writeUInt32LE(checksum(bytes.subarray(4)), 0);
  return bytes;
}

/** BATCH_CORRUPT when the entry fails its checksum. */
export function decodeJournalEntry(bytes: Buffer, topology: LogTopology): StoredEntry {
  const whole = bytes.length >= HEADER_BYTES && bytes.readUInt32LE(0) === checksum(bytes.subarray(4));
  const kind = KINDS[bytes[4] ?? KINDS.length];
  if (!whole || kind === undefined) throw new MillraceError("BATCH_CORRUPT", "a journal entry fails its checksum");
  const bodyAt = HEADER_BYTES + bytes.readUInt16LE(6) * POSITION_BYTES;
  const positions: TopicPosition[] = [];
  for (let at = HEADER_BYTES; at < bodyAt; at += POSITION_BYTES) {
    positions.push({ ...topology.topicPartition(bytes.readUInt32LE(at)), offset: bytes.readDoubleLE(at + 8) });
  }
  const nextTimer = bytes.readDoubleLE(16);
  return {
    kind,
    complete: bytes[5] === 1,
    epoch: bytes.readDoubleLE(8),
    nextTimer: Number.isNaN(nextTimer) ? null : nextTimer,
    chunkStart: entryOffset(bytes.readDoubleLE(24)),
    snapshotStart: entryOffset(bytes.readDoubleLE(32)),
    positions,
    body: bytes.subarray(bodyAt),
  };
}

function entryOffset(stored: number): number | null {
  return stored < 0 ? null : stored;
}
