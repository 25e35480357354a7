import type { Edit } from "../support/broken-source.ts";

/** A change that takes away what a promise rests on. */
interface Break {
  readonly edits: readonly Edit[];
  /** The run in which it must show. */
  readonly arguments: readonly string[];
  /** It has shown when one of these is wrong. */
  readonly shows: readonly string[];
}

export const BROKEN_NAMES = ["later-batch-first", "no-source-positions", "no-claims", "leader-alone"] as const;
export type BrokenName = (typeof BROKEN_NAMES)[number];

const LANE_HEAD = `    const [batch] = this.queue;
    if (batch === undefined) return null;
    batch.sent ??= compressRecordBatch(
      batch.writer.finish(0, { ...this.producer, sequence: this.sequence }),
      this.compression,
    );`;

export const BREAKS: Readonly<Record<BrokenName, Break>> = {
  // As where a send that spans partitions is repeated for some of them, and what comes behind has gone meanwhile.
  "later-batch-first": {
    edits: [
      {
        file: "log/kafka/partition-lane.ts",
        text: LANE_HEAD,
        broken: `    if (this.failures > 0) this.queue.push(...this.queue.splice(0, 1));
    const [batch] = this.queue;
    if (batch === undefined) return null;
    batch.sent ??= batch.writer.finish(0, { id: -1, epoch: -1, sequence: -1 });`,
      },
    ],
    arguments: ["--seconds", "90", "--client", "kafkajs", "--kinds", "leader-killed,controller-killed,rolling-restart"],
    shows: ["disordered", "readingsWrong"],
  },
  "no-source-positions": {
    edits: [
      {
        file: "engine/source-marks.ts",
        text: "    if (compareSourcePositions(source, lane.source) <= 0) return false;\n",
        broken: "",
      },
    ],
    arguments: ["--seconds", "60", "--kinds", "zombie,leader-killed"],
    shows: ["distinctRows", "storedOnce"],
  },
  "no-claims": {
    edits: [
      {
        file: "log/kafka/kafka-journal.ts",
        text: "    if (offset !== owner.nextOffset || this.owner !== owner) throw this.fenced(epoch);\n",
        broken: "",
      },
      {
        file: "log/kafka/journal-restore.ts",
        text: "    if (epoch !== this.epoch || number !== this.nextNumber) return false;\n",
        broken: "",
      },
    ],
    arguments: ["--seconds", "60", "--kinds", "zombie"],
    shows: ["balanced", "windowsWrong", "alarmsWrong"],
  },
  "leader-alone": {
    edits: [
      {
        file: "wire/kafka/produce.ts",
        text: "const ALL_IN_SYNC_REPLICAS = -1;",
        broken: "const ALL_IN_SYNC_REPLICAS = 1;",
      },
    ],
    arguments: ["--seconds", "40", "--kinds", "two-brokers-down"],
    shows: ["acknowledgedBelowMinIsr"],
  },
};
