import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { FETCH, type FetchedPartition } from "../../wire/kafka/fetch.ts";
import { KAFKA_ERROR, kafkaErrorText } from "../../wire/kafka/kafka-errors.ts";
import { slicesOf, type KafkaSlice } from "./fetched-slices.ts";
import { LIST_OFFSETS, OFFSET_AT } from "../../wire/kafka/list-offsets.ts";
import type { FetchedSlice, LogReader, PollOptions, TopicPosition } from "../../core/event-log.ts";
import type { KafkaCluster } from "./kafka-cluster.ts";
import type { TopicNames } from "./topic-names.ts";

export interface KafkaLogReaderOptions {
  readonly cluster: KafkaCluster;
  readonly names: TopicNames;
  /** Unique among the readers of this process: each has connections of its own. */
  readonly id: number;
  /** UNKNOWN_TOPIC for what the log does not have. */
  readonly check: (topic: string, partition: number) => void;
  readonly onCorrupt: (slice: KafkaSlice) => void;
  /** A topic of somebody else's: that it may not be read ends the poll, where one of the log's own is waited for. */
  readonly isForeign?: boolean;
}

interface ReadPartition {
  readonly topic: string;
  readonly partition: number;
  readonly kafkaTopic: string;
  offset: number;
}

/** An answer, or what is left of it, that nobody has polled yet. */
interface Arrived {
  readonly leader: number;
  readonly fetched: FetchedPartition;
}

const RETRY_MS = 100;
/** What is asked for before anybody polls comes back soon, with nothing too: a poll that is not to wait has to wait for it. */
const AHEAD_WAIT_MS = 5;

/**
 * Fetches from every leader of what it reads, one request per leader at a time. What comes while nobody polls is kept for the next
 * poll, and the next request goes out as soon as it is taken, so that the broker works while the caller does. It is kept as it came:
 * compressed, it may be many times what a poll takes.
 */
export class KafkaLogReader implements LogReader {
  private readonly options: KafkaLogReaderOptions;
  private partitions = new Map<string, ReadPartition>();
  private arrived: Arrived[] = [];
  private failure: MillraceError | null = null;
  /** Leaders that have a request of ours. */
  private asked = new Set<number>();
  /** Grows with every seek: answers to what was asked before are dropped. */
  private version = 0;
  /** Requests that are not answered, of this version and of the one before: they go over two connections in turn. */
  private readonly unanswered: [number, number] = [0, 0];
  private turn = 0;
  private wake: (() => void) | null = null;
  private closed = false;

  constructor(options: KafkaLogReaderOptions, positions: readonly TopicPosition[]) {
    this.options = options;
    this.seek(positions);
  }

  seek(positions: readonly TopicPosition[]): void {
    const { names, check } = this.options;
    for (const { topic, partition } of positions) check(topic, partition);
    this.version += 1;
    // Answers to what was asked before may be long in coming: what is asked next does not wait behind them, nor behind those of an earlier seek.
    this.asked = new Set();
    if (this.unanswered[slotOf(this.version)] > 0)
      this.options.cluster.release(purposeOf(this.options.id, this.version));
    this.arrived = [];
    this.failure = null;
    this.partitions = new Map(
      positions.map((position) => {
        const kafkaTopic = names.topic(position.topic);
        return [`${kafkaTopic}/${position.partition}`, { ...position, kafkaTopic }];
      }),
    );
  }

  close(): void {
    this.closed = true;
    const { cluster, id } = this.options;
    for (const version of [0, 1]) cluster.release(purposeOf(id, version));
    this.wake?.();
  }

  async poll({ bytesMax, waitMs, signal }: PollOptions): Promise<readonly FetchedSlice[]> {
    const deadline = performance.now() + waitMs;
    const onAbort = (): void => this.wake?.();
    signal?.addEventListener("abort", onAbort);
    try {
      for (let first = true; ; first = false) {
        const left = deadline - performance.now();
        if (this.arrived.length === 0 && this.failure === null && (first || left > 0)) this.ask(bytesMax, left);
        const taken = this.take(bytesMax);
        if (taken.length > 0) {
          this.ask(bytesMax, AHEAD_WAIT_MS);
          return taken;
        }
        if (signal?.aborted === true || (!first && left <= 0)) return [];
        await this.news(first && left <= 0 ? LIMITS.kafkaRequestTimeoutMs : left);
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  private take(bytesMax: number): readonly FetchedSlice[] {
    if (this.closed) throw new MillraceError("LOG_CLOSED", "the log is closed");
    const taken: FetchedSlice[] = [];
    try {
      for (let left = bytesMax; left > 0 && this.arrived.length > 0;) left -= this.takeFirst(taken, left);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      this.failure = error;
      // It is asked for again.
      this.arrived = [];
    }
    const { failure } = this;
    if (taken.length > 0 || failure === null) return taken;
    this.failure = null;
    throw failure;
  }

  /** Moves what came first into `taken`, as far as it is wanted. Returns its bytes. */
  private takeFirst(taken: FetchedSlice[], bytesMax: number): number {
    const [first] = this.arrived;
    if (first === undefined) return 0;
    const { leader, fetched } = first;
    const read = this.partitions.get(`${fetched.topic}/${fetched.partition}`);
    if (read === undefined) throw new Error(`${fetched.topic}/${fetched.partition} was not asked for`);
    const { slices, bytes, rest } = slicesOf(fetched, read.offset, bytesMax);
    if (rest.length === 0) this.arrived.shift();
    else this.arrived[0] = { leader, fetched: { ...fetched, batches: rest } };
    for (const slice of slices) {
      const named = { ...slice, topic: read.topic };
      if (slice.corrupt !== undefined) this.options.onCorrupt(named);
      taken.push(named);
      read.offset = slice.nextOffset;
    }
    return bytes;
  }

  /** Resolves when an answer came, the time is over, or somebody wakes the poll. */
  private async news(waitMs: number): Promise<void> {
    if (this.arrived.length > 0 || this.failure !== null || this.closed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = null;
  }

  /** Sends a request to every leader that has none, and whose last answer is taken. */
  private ask(bytesMax: number, waitMs: number): void {
    const { cluster } = this.options;
    const byLeader = new Map<number, ReadPartition[]>();
    for (const read of this.partitions.values()) {
      const leader = cluster.leaderOf(read.kafkaTopic, read.partition) ?? -1;
      const own = byLeader.get(leader) ?? [];
      byLeader.set(leader, own);
      own.push(read);
    }
    const waitMsMax = Math.max(0, Math.min(Math.floor(waitMs), LIMITS.kafkaFetchWaitMsMax));
    for (const [leader, partitions] of byLeader) {
      if (this.asked.has(leader) || this.arrived.some((one) => one.leader === leader)) continue;
      const { asked } = this;
      asked.add(leader);
      void this.fetch(leader, partitions, { bytesMax, waitMsMax }).finally(() => {
        asked.delete(leader);
        this.wake?.();
      });
    }
  }

  private async fetch(
    leader: number,
    partitions: readonly ReadPartition[],
    { bytesMax, waitMsMax }: { readonly bytesMax: number; readonly waitMsMax: number },
  ): Promise<void> {
    const { cluster, id } = this.options;
    const { version } = this;
    this.unanswered[slotOf(version)] += 1;
    // Those in front are filled first: each gets its turn.
    const from = this.turn++ % partitions.length;
    const rotated = [...partitions.slice(from), ...partitions.slice(0, from)];
    try {
      const fetched = await cluster.link(leader, purposeOf(id, version)).call(FETCH, {
        waitMsMax,
        bytesMax,
        partitionBytesMax: bytesMax,
        partitions: rotated.map(({ kafkaTopic, partition, offset }) => ({ topic: kafkaTopic, partition, offset })),
      });
      if (version !== this.version || this.closed) return;
      let moved = false;
      for (const one of fetched) moved = !(await this.accept(leader, one, version)) || moved;
      if (moved) await this.look();
    } catch (error) {
      if (version !== this.version || this.closed) return;
      if (error instanceof MillraceError && error.retry === "never") this.failure = error;
      else await this.look();
    } finally {
      this.unanswered[slotOf(version)] -= 1;
    }
  }

  /** False when the leader is another one by now. */
  private async accept(leader: number, fetched: FetchedPartition, version: number): Promise<boolean> {
    const read = this.partitions.get(`${fetched.topic}/${fetched.partition}`);
    if (read === undefined || version !== this.version) return true;
    if (fetched.errorCode === KAFKA_ERROR.offsetOutOfRange) {
      const failure = await this.outOfRange(read);
      // Of what was sought meanwhile it says nothing.
      if (version === this.version) this.failure = failure;
      return true;
    }
    if (fetched.errorCode === KAFKA_ERROR.topicAuthorizationFailed && this.options.isForeign === true) {
      const text = `the topic ${fetched.topic} may not be read: ${kafkaErrorText(fetched.errorCode)}`;
      this.failure = new MillraceError("NOT_AUTHORIZED", text, { remedy: "Give the user READ on the topic." });
      return true;
    }
    if (fetched.errorCode !== KAFKA_ERROR.none) return false;
    if (fetched.batches.length > 0) this.arrived.push({ leader, fetched });
    return true;
  }

  private async outOfRange({ topic, partition, kafkaTopic, offset }: ReadPartition): Promise<MillraceError> {
    const request = [{ topic: kafkaTopic, partition, timestamp: OFFSET_AT.earliest }];
    const [start] = await this.options.cluster.callLeader(kafkaTopic, partition, LIST_OFFSETS, request);
    const where = start === undefined ? "" : `, the partition starts at ${start.offset}`;
    return new MillraceError(
      "OFFSET_OUT_OF_RANGE",
      `offset ${offset} of ${topic}/${partition} is gone: retention has passed it${where}`,
    );
  }

  /** A leader moved or is away. */
  private async look(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    await this.options.cluster.refresh().catch(() => undefined);
  }
}

function purposeOf(id: number, version: number): string {
  return `fetch-${id}-${slotOf(version)}`;
}

function slotOf(version: number): 0 | 1 {
  return version % 2 === 0 ? 0 : 1;
}
