import { LIMITS, type Limits } from "../../core/limits.ts";
import type { Logger } from "../../core/logger.ts";
import type { OwnedPartition } from "../../core/topic-consumer.ts";
import type { EnvelopeSender } from "../forward/send-envelope.ts";
import type { BadRecords } from "./bad-records.ts";
import { planRelay, type RelayLimits, type RelayStep } from "./plan-relay.ts";
import type { RelayMeters } from "./relay-meters.ts";

export interface RelayPartitionOptions {
  readonly owned: OwnedPartition;
  readonly sender: EnvelopeSender;
  readonly bad: BadRecords;
  readonly meters: RelayMeters;
  readonly logger: Logger;
  /** Told where it stands, with each step that is done. */
  readonly onPosition: (offset: number) => void;
  /** Told when all that is there is relayed. */
  readonly onNothing: () => void;
  readonly limits?: RelayLimits & Pick<Limits, "forwardFetchBytesMax">;
}

/** `ending`: no further step is begun. `leaving`: what is under way is let go. */
export interface RelaySignals {
  readonly ending: AbortSignal;
  readonly leaving: AbortSignal;
}

const READ_WAIT_MS = 1000;

/**
 * One partition → upstream, from the group's position on: read → send → commit, one envelope after the other, so that a device's messages arrive
 * in their order and a crash repeats one envelope. Rejects at the first failure of Kafka; what was not committed comes again.
 */
export async function relayPartition(options: RelayPartitionOptions, signals: RelaySignals): Promise<void> {
  const { owned, onPosition, onNothing, limits = LIMITS } = options;
  const { ending } = signals;
  const offset = await begin(options);
  onPosition(offset);
  const reader = owned.openReader(offset);
  try {
    while (!ending.aborted) {
      const slices = await reader.poll({ bytesMax: limits.forwardFetchBytesMax, waitMs: READ_WAIT_MS, signal: ending });
      if (slices.length === 0) onNothing();
      for (const slice of slices) {
        for (const step of planRelay(slice, limits)) {
          if (ending.aborted || !(await taken(step, options, signals))) return;
          await owned.commit(step.nextOffset);
          onPosition(step.nextOffset);
        }
      }
    }
  } finally {
    reader.close();
  }
}

/** The offset to begin at. */
async function begin({ owned, meters, logger }: RelayPartitionOptions): Promise<number> {
  const { partition } = owned;
  const { committed, startOffset, endOffset } = await owned.position();
  if (committed === null) {
    const text = `The group has committed nothing of partition ${partition}, or it has been forgotten: it is relayed from its start on, ${endOffset - startOffset} records.`;
    if (endOffset > startOffset) logger.warn({ partition, startOffset, endOffset }, text);
    return startOffset;
  }
  if (committed < startOffset) {
    const lost = startOffset - committed;
    // First, or whoever begins again counts them again.
    await owned.commit(startOffset);
    meters.lost(lost);
    logger.error(
      { partition, committed, startOffset },
      `Retention has deleted ${lost} records of partition ${partition} that were not relayed yet. Let the topic keep records for longer (retention.ms, retention.bytes) than the relay or the installation upstream may be away.`,
    );
    return startOffset;
  }
  if (committed <= endOffset) return committed;
  logger.warn(
    { partition, committed, endOffset },
    `Partition ${partition} ends before where the group stands: the topic was made anew. It is relayed from its start.`,
  );
  return startOffset;
}

/** False when the signals abort first. */
async function taken(
  step: RelayStep,
  { sender, bad, meters }: RelayPartitionOptions,
  { ending, leaving }: RelaySignals,
): Promise<boolean> {
  if (step.kind === "nothing") return true;
  if (step.kind === "bad") {
    if (!(await bad.settle(step.bad, ending))) return false;
    meters.skipped(step.bad.nextOffset - step.bad.offset);
    return true;
  }
  if (!(await sender.send(step.bytes, leaving))) return false;
  meters.relayed(step.messages, step.bytes.length);
  return true;
}
