import { errorText, MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { pause } from "../../core/pause.ts";
import { GROUP_HEARTBEAT, type GroupHeartbeatAnswer, type GroupPartitions } from "../../wire/kafka/group-heartbeat.ts";
import { KAFKA_ERROR, kafkaErrorText } from "../../wire/kafka/kafka-errors.ts";
import { callCoordinator } from "./call-coordinator.ts";
import type { AssignmentListener } from "../../core/consumer-group.ts";
import type { Service } from "../../core/lifecycle.ts";
import type { Logger } from "../../core/logger.ts";
import type { KafkaCluster } from "./kafka-cluster.ts";

export interface KafkaGroupMemberOptions {
  readonly cluster: KafkaCluster;
  readonly group: string;
  /** The one topic whose partitions are dealt out. */
  readonly topic: string;
  /** Of the one in whose place it goes on; empty for a new one. */
  readonly memberId: string;
  readonly listener: AssignmentListener;
  readonly logger: Logger;
}

const JOIN_EPOCH = 0;
const LEAVE_EPOCH = -1;
const FIRST_HEARTBEAT_MS = 1000;
/** The group has gone on without this member, or is not there any more: it was deleted, or its broker was made anew. */
const OUTSIDE: readonly number[] = [
  KAFKA_ERROR.unknownMemberId,
  KAFKA_ERROR.fencedMemberEpoch,
  KAFKA_ERROR.groupIdNotFound,
];

export function isOutside(errorCode: number): boolean {
  return OUTSIDE.includes(errorCode);
}

/**
 * A member of a consumer group by Kafka's newer protocol (KIP-848): the coordinator says what the member is to have; what it is to lose
 * it gives up first and says so, and only then somebody else gets it. The others go on meanwhile.
 */
export class KafkaGroupMember implements Service {
  private readonly options: KafkaGroupMemberOptions;
  private readonly stopping = new AbortController();
  private readonly owned = new Set<number>();
  private topicId = "";
  private memberId: string;
  private epoch = JOIN_EPOCH;
  private heartbeatMs = FIRST_HEARTBEAT_MS;
  /** How often what is owned has changed, the beginning counted, and how much of that the coordinator has heard. */
  private changes = 1;
  private toldChanges = 0;
  private running: Promise<void> = Promise.resolve();
  /** Ends the wait for the next heartbeat. */
  private nudge = new AbortController();
  /** Taking and giving up, one after the other. Heartbeats go on meanwhile. */
  private following: Promise<void> = Promise.resolve();
  private trouble: string | null = null;

  constructor(options: KafkaGroupMemberOptions) {
    this.options = options;
    this.memberId = options.memberId;
  }

  /** As the coordinator knows it: what is committed in its name says so. */
  get identity(): { readonly memberId: string; readonly memberEpoch: number } {
    return { memberId: this.memberId, memberEpoch: this.epoch };
  }

  /** Null while the coordinator answers: else why this member cannot know what it has. */
  get notReadyReason(): string | null {
    return this.trouble;
  }

  /** Resolves when the member has joined; partitions come when the coordinator gives them. */
  async start(): Promise<void> {
    await this.beat();
    this.running = this.run();
  }

  async stop(signal: AbortSignal): Promise<void> {
    this.stopping.abort();
    await this.running;
    await this.following;
    await this.release([...this.owned]);
    if (signal.aborted) return;
    this.epoch = LEAVE_EPOCH;
    await this.call(null).catch(() => undefined);
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      if (!this.isChanged) await pause(this.heartbeatMs, AbortSignal.any([signal, this.nudge.signal]));
      this.nudge = new AbortController();
      if (signal.aborted) return;
      try {
        await this.beat();
        this.trouble = null;
      } catch (error) {
        const { group, logger } = this.options;
        if (this.trouble === null)
          logger.warn({ group, cause: errorText(error) }, "the consumer group does not answer");
        this.trouble = `the consumer group ${group} does not answer: ${errorText(error)}`;
        await pause(LIMITS.kafkaRetryDelayMsMax, signal);
      }
    }
  }

  private get isChanged(): boolean {
    return this.changes !== this.toldChanges;
  }

  private async beat(): Promise<void> {
    // What changes while this heartbeat is under way is told with the next one.
    const { changes } = this;
    const answer = await this.call(this.epoch === JOIN_EPOCH || this.isChanged ? this.ownedNow() : null);
    if (isOutside(answer.errorCode)) {
      // What it had belongs to others by now.
      await this.following;
      await this.release([...this.owned]);
      this.epoch = JOIN_EPOCH;
      return;
    }
    if (answer.errorCode !== KAFKA_ERROR.none) {
      const why = answer.errorMessage ?? kafkaErrorText(answer.errorCode);
      throw new MillraceError("LOG_IO", `the consumer group ${this.options.group} refuses this member: ${why}`);
    }
    this.memberId = answer.memberId;
    this.epoch = answer.memberEpoch;
    this.heartbeatMs = answer.heartbeatMs;
    this.toldChanges = changes;
    const { assignment } = answer;
    if (assignment !== null) this.following = this.following.then(() => this.followSafely(assignment));
  }

  private call(owned: readonly GroupPartitions[] | null): Promise<GroupHeartbeatAnswer> {
    const { cluster, group, topic } = this.options;
    const heartbeat = {
      group,
      memberId: this.memberId,
      memberEpoch: this.epoch,
      rebalanceTimeoutMs: LIMITS.kafkaRebalanceTimeoutMs,
      topics: this.epoch === JOIN_EPOCH ? [topic] : null,
      owned,
    };
    return callCoordinator(cluster, group, GROUP_HEARTBEAT, heartbeat, ({ errorCode }) => [errorCode]);
  }

  private ownedNow(): GroupPartitions[] {
    if (this.owned.size === 0 || this.epoch === JOIN_EPOCH) return [];
    return [{ topicId: this.topicId, partitions: [...this.owned] }];
  }

  /** What the listener cannot do it says itself; the membership goes on, and gives up what it has when it is told to. */
  private async followSafely(assignment: readonly GroupPartitions[]): Promise<void> {
    try {
      await this.follow(assignment);
    } catch (error) {
      const { group, logger } = this.options;
      logger.error({ group, err: error }, "partitions that were given cannot be worked");
    }
  }

  private async follow(assignment: readonly GroupPartitions[]): Promise<void> {
    const [assigned] = assignment;
    if (assigned !== undefined) this.topicId = assigned.topicId;
    const wanted = new Set(assigned?.partitions);
    await this.release([...this.owned].filter((partition) => !wanted.has(partition)));
    const added = [...wanted].filter((partition) => !this.owned.has(partition));
    if (added.length === 0) return;
    for (const partition of added) this.owned.add(partition);
    this.tell();
    await this.options.listener.take(added);
  }

  private async release(partitions: readonly number[]): Promise<void> {
    if (partitions.length === 0) return;
    await this.options.listener.release(partitions);
    for (const partition of partitions) this.owned.delete(partition);
    this.tell();
  }

  private tell(): void {
    this.changes += 1;
    this.nudge.abort();
  }
}
