import { errorText, MillraceError } from "../../core/errors.ts";
import { checkedAppendBytes } from "../append-limits.ts";
import { readFullness, tellFullness } from "./fullness.ts";
import { groupMembers } from "./group-members.ts";
import { createKafkaIntake } from "./kafka-intake.ts";
import { KafkaGroupMember } from "./kafka-group-member.ts";
import { DeletedMessages } from "./deleted-messages.ts";
import { JournalFollower } from "./journal-follower.ts";
import { batchesOf, KafkaJournals } from "./kafka-journals.ts";
import { KafkaLogReader } from "./kafka-log-reader.ts";
import { KafkaPositions } from "./kafka-positions.ts";
import { KafkaRetention, RETENTION_JOURNAL } from "./kafka-retention.ts";
import { LogTopics } from "./log-topics.ts";
import type { Clock } from "../../core/clock.ts";
import type {
  CommitRequest,
  EventLog,
  JournalClaim,
  JournalFollowing,
  JournalId,
  JournalHolding,
  JournalWork,
  LogIntake,
  LogIntakes,
  LogReader,
  LogStatus,
  OutputBatch,
  TopicPartition,
  TopicPosition,
} from "../../core/event-log.ts";
import type { AssignmentListener, ConsumerGroups, GroupMember } from "../../core/consumer-group.ts";
import type { Service } from "../../core/lifecycle.ts";
import type { Logger } from "../../core/logger.ts";
import type { RecordInput } from "../../core/record.ts";
import type { LogTopology } from "../topology.ts";
import type { TopicPolicy, WantedTopic } from "./kafka-topics.ts";
import type { KafkaAccess } from "./kafka-access.ts";
import type { JournalPlace } from "./kafka-journal.ts";
import type { LogGauge } from "./log-gauge.ts";
import type { TopicNames } from "./topic-names.ts";
import type { MoveTarget } from "../move/move-target.ts";

type CorruptRange = { readonly fromOffset: number; readonly toOffset: number; readonly cause: string };

export interface KafkaLogParts {
  readonly access: KafkaAccess;
  readonly topology: LogTopology;
  readonly names: TopicNames;
  readonly gauge: LogGauge;
  readonly policy: TopicPolicy;
  readonly journals: ReadonlyMap<string, number>;
  readonly retentionMs: number;
  readonly requiredJournals: readonly string[];
  readonly isOnceBegun?: (journal: string) => boolean;
  readonly work?: () => JournalWork;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onCorrupt: (range: TopicPartition & CorruptRange) => void;
}

const [MAKE_ROOM_EVERY_MS, LOOK_EVERY_MS] = [100, 1000];

/** The event log on Kafka topics. One per thread: each has connections of its own. */
export class KafkaLog implements MoveTarget, EventLog, LogIntakes, ConsumerGroups {
  readonly partitionCount: number;
  private readonly retention: KafkaRetention;
  private readonly parts: KafkaLogParts;
  private readonly journals: KafkaJournals;
  private readonly positions: KafkaPositions;
  private readonly deleted: DeletedMessages;
  private readonly topics: LogTopics;
  private readers = 0;
  private closed = false;
  /** A round of retention that appends wait for. */
  private room: Promise<void> | null = null;
  private madeRoomAt = Number.NEGATIVE_INFINITY;
  private lookedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: KafkaLogParts) {
    const { topology, names, access, logger } = parts;
    this.parts = parts;
    this.partitionCount = topology.partitionCount;
    const { cluster } = access;
    this.topics = new LogTopics({ ...parts, cluster });
    this.positions = new KafkaPositions({ cluster, names, logger, work: parts.work });
    this.journals = new KafkaJournals({
      prepare: (id) => this.topics.prepareJournal(id),
      place: (id) => this.journalPlace(id),
      check: (topic, partition) => void topology.indexOf(topic, partition),
    });
    this.deleted = new DeletedMessages(this.follow(RETENTION_JOURNAL));
    this.retention = new KafkaRetention({
      ...parts,
      claim: () => this.claim(RETENTION_JOURNAL),
      commit: (request) => this.commit(request),
      journals: () => this.positions.journals(),
      ranges: () => this.ranges(),
      read: (logTopic, ...range) => access.read(names.topic(logTopic), ...range),
      deleteBefore: (positions) => this.deleteBefore(positions),
      tell: (fullness) => tellFullness(cluster, names, fullness),
    });
  }

  async append(topic: string, partition: number, records: readonly RecordInput[]): Promise<number> {
    const { access, names, topology, gauge } = this.parts;
    topology.indexOf(topic, partition);
    const bytesBound = checkedAppendBytes(records);
    const send = (own: readonly RecordInput[]) =>
      access.producer.append(names.topic(topic), partition, own, bytesBound);
    const refusal = gauge.refusal();
    if (!this.retention.isKept) this.lookSoon();
    else if (gauge.isTight) this.makeRoom();
    if (refusal === null) return send(records);
    if (this.room === null) throw refusal;
    // The caller may use its bytes again when this returns.
    const copies = records.map(copyOf);
    await this.room;
    gauge.check();
    return send(copies);
  }

  intake(topic: string): LogIntake {
    return createKafkaIntake(this.parts, topic, () => this.lookSoon());
  }

  /** Deletes what is old until the signal: in one process of an installation. Never rejects. */
  keepRetention(signal: AbortSignal): Promise<void> {
    return this.retention.run(signal);
  }

  async claim(journal: JournalId, held?: JournalHolding): Promise<JournalClaim> {
    this.checkOpen();
    return this.journals.claim(journal, held);
  }

  async commit(request: CommitRequest): Promise<void> {
    this.checkOpen();
    return this.journals.commit(request);
  }

  /** A member of the group that deals out the partitions of the consumer's journal. */
  join(consumer: string, listener: AssignmentListener, memberId = ""): Service {
    const { access, names, logger } = this.parts;
    const { cluster } = access;
    const of = { group: names.owners(consumer), topic: names.journal(consumer), memberId };
    const member = new KafkaGroupMember({ cluster, ...of, listener, logger });
    return {
      start: async () => {
        await this.topics.prepareJournal({ name: consumer, partition: 0 });
        await member.start();
      },
      stop: (signal) => member.stop(signal),
    };
  }

  members(consumer: string): Promise<readonly GroupMember[]> {
    return groupMembers(this.parts.access.cluster, this.parts.names.owners(consumer));
  }

  /** Reads a journal that somebody else owns. */
  follow({ name, partition }: JournalId): JournalFollowing {
    const { access, names } = this.parts;
    const topic = names.journal(name);
    access.cluster.follow([topic]);
    return new JournalFollower({
      async range() {
        if (access.cluster.leaderOf(topic, partition) === null) await access.cluster.refresh();
        // Nobody has claimed it yet.
        if (access.cluster.leaderOf(topic, partition) === null) return { startOffset: 0, endOffset: 0 };
        return access.range(topic, partition);
      },
      read: (from, to) => access.read(topic, partition, from, to),
    });
  }

  openReader(positions: readonly TopicPosition[]): LogReader {
    const { access, names, topology, onCorrupt } = this.parts;
    this.readers += 1;
    return new KafkaLogReader(
      {
        cluster: access.cluster,
        names,
        id: this.readers,
        check: (topic, partition) => void topology.indexOf(topic, partition),
        onCorrupt: ({ topic, partition, corrupt, damage }) => {
          if (corrupt !== undefined) onCorrupt({ topic, partition, ...corrupt, cause: errorText(damage) });
        },
      },
      positions,
    );
  }

  async status(): Promise<LogStatus> {
    this.checkOpen();
    const { gauge } = this.parts;
    if (!this.retention.isKept) await this.look();
    const [partitions, journals, deleted] = await Promise.all([
      this.ranges(),
      this.positions.journals(),
      this.deleted.look(),
    ]);
    return {
      partitions,
      journals: journals.filter(({ name }) => name !== RETENTION_JOURNAL.name),
      bytes: gauge.bytes,
      bytesMax: gauge.bytesMax,
      refusing: gauge.refusing(),
      deletedTelemetry: deleted,
    };
  }

  /** Waits for what is under way until the signal. */
  async stop(signal: AbortSignal): Promise<void> {
    this.closed = true;
    const { access } = this.parts;
    await access.producer.close(signal);
    if (!signal.aborted) await this.positions.close();
    access.cluster.close();
  }

  /** Sees to the topics that every log has, and to others: to all at once. */
  prepare(others: readonly WantedTopic[]): Promise<void> {
    return this.topics.prepare(others);
  }

  /** What others append and delete is seen once a second, by who appends. */
  private lookSoon(): void {
    if (performance.now() - this.lookedAt < LOOK_EVERY_MS) return;
    this.lookedAt = performance.now();
    // A look that fails is made up for by the next.
    this.look().catch(() => undefined);
  }

  private async look(): Promise<void> {
    const { access, names, gauge } = this.parts;
    const fullness = await readFullness(access.cluster, names);
    if (fullness !== null) gauge.believe(fullness.bytes, fullness.heldBy);
  }

  /** Unless it was tried a moment ago, and somebody who has still to read was in the way. */
  private makeRoom(): void {
    const isHeld = this.parts.gauge.heldBy !== null;
    if (this.room !== null || (isHeld && performance.now() - this.madeRoomAt < MAKE_ROOM_EVERY_MS)) return;
    this.room = this.retention.makeRoom().finally(() => {
      this.room = null;
      this.madeRoomAt = performance.now();
    });
  }

  private checkOpen(): void {
    if (this.closed) throw new MillraceError("LOG_CLOSED", "the log is closed");
  }

  private async ranges() {
    const { access, topology, names } = this.parts;
    const all = Array.from({ length: topology.size }, (_, index) => topology.topicPartition(index));
    const ranges = await access.ranges(all.map(({ topic, partition }) => ({ topic: names.topic(topic), partition })));
    return ranges.map((range, index) => ({ ...range, topic: all[index]?.topic ?? "" }));
  }

  deleteBefore(positions: readonly TopicPosition[]): Promise<void> {
    const { access, names } = this.parts;
    return access.deleteBefore(positions.map((position) => ({ ...position, topic: names.topic(position.topic) })));
  }

  private journalPlace({ name, partition }: JournalId): JournalPlace {
    const { access, names, clock, logger } = this.parts;
    const topic = names.journal(name);
    return {
      clock,
      append: (record) => access.append(topic, partition, record),
      appendOutput: (output) => this.appendOutput(output),
      start: () => access.start(topic, partition),
      read: (from, to) => access.read(topic, partition, from, to),
      truncate: (offset) => {
        access.deleteBefore([{ topic, partition, offset }]).catch((error: unknown) => {
          // The next snapshot deletes it too.
          logger.info({ topic, partition, cause: errorText(error) }, "what a snapshot replaces is not deleted yet");
        });
      },
      publish: (state) => this.positions.publish(state),
      goBack: (state) => this.positions.goBack(state),
      onDamage: (offset) => {
        logger.error({ name, partition, offset }, "a journal is damaged: its owner restores what lies before it");
      },
    };
  }

  private appendOutput({ topic, partition, records }: OutputBatch): Promise<unknown> {
    const { access, names } = this.parts;
    const appended = batchesOf(records).map((batch) =>
      access.producer.append(names.topic(topic), partition, batch.records, batch.bytesBound),
    );
    return Promise.all(appended);
  }
}

function copyOf({ timestamp, key, value, headers }: RecordInput): RecordInput {
  return { timestamp, key, value: value.slice(), headers };
}
