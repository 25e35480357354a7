import type { PastReading } from "./reading-history.ts";

/** Readings of one partition in its order. */
export type PartitionReadings = AsyncIterable<readonly PastReading[]>;

interface Lane {
  readonly rest: AsyncIterator<readonly PastReading[]>;
  readonly batch: readonly PastReading[];
  /** In the batch. */
  readonly at: number;
  /** The greatest receive time up to the reading at `at`. */
  readonly received: number;
}

/**
 * Readings of all partitions in one order that depends on them alone: by receive time, then by partition. A partition's own order stays: what
 * was received before its predecessor counts as received with it, and so does what a function derived, whose place says when that ran.
 * `partitions` in the order of their numbers; batches are of one partition each.
 */
export async function* mergeByReceiveTime(
  partitions: readonly PartitionReadings[],
): AsyncGenerator<readonly PastReading[], void> {
  const iterators = partitions.map((partition) => partition[Symbol.asyncIterator]());
  try {
    const lanes: (Lane | null)[] = [];
    for (const rest of iterators) lanes.push(await goOn({ rest, batch: [], at: 0, received: -Infinity }));
    for (;;) {
      const first = firstOf(lanes, null);
      const lane = first === null ? null : lanes[first];
      if (first === null || lane === null || lane === undefined) return;
      const second = firstOf(lanes, first);
      const { batch, at } = lane;
      const next = passing(lane, first, lanes[second ?? -1] ?? null, second ?? Infinity);
      yield batch.slice(at, next.at);
      lanes[first] = next.at < batch.length ? next : await goOn(next);
    }
  } finally {
    for (const iterator of iterators) await iterator.return?.();
  }
}

/** The lane behind all that comes before the other lane's next reading, in its batch. */
function passing(lane: Lane, index: number, other: Lane | null, otherIndex: number): Lane {
  let { at, received } = lane;
  for (;;) {
    at += 1;
    const reading = lane.batch[at];
    if (reading === undefined) return { ...lane, at, received };
    received = receivedBy(received, reading);
    const isFirst = other === null || received < other.received;
    if (!isFirst && (received > other.received || index > otherIndex)) return { ...lane, at, received };
  }
}

/** At the lane's next batch; null when there is none. */
async function goOn(lane: Lane): Promise<Lane | null> {
  for (;;) {
    const { done, value: batch } = await lane.rest.next();
    if (done === true) return null;
    const [first] = batch;
    if (first !== undefined) return { ...lane, batch, at: 0, received: receivedBy(lane.received, first) };
  }
}

function receivedBy(before: number, { maker, record }: PastReading): number {
  return maker === null ? Math.max(before, record.timestamp) : before;
}

/** The index of the lane whose next reading is first, of all but one. */
function firstOf(lanes: readonly (Lane | null)[], but: number | null): number | null {
  let first: number | null = null;
  let received = Infinity;
  for (const [index, lane] of lanes.entries()) {
    if (lane === null || index === but || (first !== null && lane.received >= received)) continue;
    first = index;
    ({ received } = lane);
  }
  return first;
}
