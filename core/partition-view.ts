/** Who works on what, and how far: `GET /api/v1/partitions`. */
export interface PartitionView {
  readonly at: number;
  /** One for each consumer of the log, in the order of the pipeline. */
  readonly consumers: readonly ConsumerView[];
}

export interface ConsumerView {
  /** The journal's name: `stage:main`, `sink:clickhouse`, `sink:notify`. */
  readonly name: string;
  /** Those among whom the partitions are dealt out, with or without any. Empty when all of it runs in this process. */
  readonly members: readonly GroupMemberView[];
  /** What it reads, by topic and partition. */
  readonly partitions: readonly ConsumedPartition[];
}

export interface GroupMemberView {
  readonly id: string;
  /** Machine and process, for people. */
  readonly label: string;
}

export interface ConsumedPartition {
  readonly topic: string;
  readonly partition: number;
  /** The next offset to work on. */
  readonly position: number;
  readonly endOffset: number;
  /** Records behind the end. */
  readonly lag: number;
  /** Id of the member that has it; null when it is nobody's now, or when there are no members. */
  readonly owner: string | null;
}
