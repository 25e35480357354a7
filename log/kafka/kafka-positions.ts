import { z } from "zod";
import { errorText, MillraceError } from "../../core/errors.ts";
import { parseJson } from "../../core/parse-json.ts";
import { KAFKA_ERROR, kafkaErrorText } from "../../wire/kafka/kafka-errors.ts";
import { OFFSET_COMMIT, OFFSET_FETCH } from "../../wire/kafka/offset-apis.ts";
import { callCoordinator } from "./call-coordinator.ts";
import { partitionRanges } from "./kafka-status.ts";
import type { JournalStatus, JournalWork, TopicPosition } from "../../core/event-log.ts";
import type { Logger } from "../../core/logger.ts";
import type { KafkaApi } from "../../wire/kafka/kafka-api.ts";
import type { KafkaCluster } from "./kafka-cluster.ts";
import type { JournalState } from "./kafka-journal.ts";
import type { TopicNames } from "./topic-names.ts";

export interface KafkaPositionsOptions {
  readonly cluster: KafkaCluster;
  readonly names: TopicNames;
  readonly logger: Logger;
  /** Of this thread, where it works a stage. */
  readonly work?: (() => JournalWork) | undefined;
}

/** With each committed offset: whose it is. */
const metadataSchema = z.object({
  journal: z.string(),
  partition: z.int(),
  epoch: z.int(),
  nextTimer: z.number().nullable(),
  work: z.object({ worker: z.string(), busySeconds: z.number(), threads: z.int() }).exactOptional(),
});

const FLUSH_MS = 200;
/** Which groups there are is told by the names of all topics of the brokers, which may be many: not asked every time. */
const GROUPS_MS = 5000;

/**
 * Where consumers stand, for those who look from outside: committed offsets of one group per journal name, without members, as
 * Kafka's tools and autoscalers read them. They follow the journals and decide nothing.
 */
export class KafkaPositions {
  private readonly options: KafkaPositionsOptions;
  private readonly own = new Map<string, JournalState>();
  private readonly changed = new Set<string>();
  private timer: NodeJS.Timeout | null = null;
  private flushing: Promise<void> = Promise.resolve();
  private wasFailing = false;
  private known: ReadonlySet<string> = new Set();
  private groupsUntil = Number.NEGATIVE_INFINITY;

  constructor(options: KafkaPositionsOptions) {
    this.options = options;
  }

  publish(state: JournalState): void {
    const key = keyOf(state.id.name, state.id.partition);
    const before = this.own.get(key);
    // An entry without positions moves none.
    const positions = state.positions.length > 0 ? state.positions : (before?.positions ?? []);
    this.own.set(key, { ...state, positions });
    this.changed.add(key);
    this.timer ??= setTimeout(() => void this.flush(), FLUSH_MS);
  }

  /**
   * Resolves when the group tells no more than the state does: a partition that it names besides is at its start again. LOG_IO or LOG_LOST
   * when that cannot be committed.
   */
  async goBack(state: JournalState): Promise<void> {
    const { cluster, names } = this.options;
    const { name, partition } = state.id;
    const key = keyOf(name, partition);
    const told = (await this.fetch(names.group(name))).find((one) => keyOf(one.name, one.partition) === key);
    const proven = new Set(state.positions.map((position) => keyOf(position.topic, position.partition)));
    const lost = (told?.positions ?? []).filter((position) => !proven.has(keyOf(position.topic, position.partition)));
    const ranges = await partitionRanges(
      cluster,
      lost.map((position) => ({ topic: names.topic(position.topic), partition: position.partition })),
    );
    const starts = lost.map((position, at) => ({ ...position, offset: ranges[at]?.startOffset ?? 0 }));
    this.own.set(key, { ...state, positions: [...state.positions, ...starts] });
    this.changed.add(key);
    await this.flush();
    if (!this.changed.has(key)) return;
    throw new MillraceError("LOG_IO", `the positions of the journal ${key} cannot be put back to what it proves`);
  }

  /** Commits what has changed. What cannot be committed is tried again. */
  flush(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.flushing = this.flushing.then(() => this.commitChanged());
    return this.flushing;
  }

  async journals(): Promise<JournalStatus[]> {
    const found = new Map<string, JournalStatus>();
    if (performance.now() >= this.groupsUntil) {
      this.known = await this.groups();
      this.groupsUntil = performance.now() + GROUPS_MS;
    }
    const groups = this.known;
    const fetched = await Promise.all([...groups].map((group) => this.fetch(group)));
    for (const status of fetched.flat()) found.set(keyOf(status.name, status.partition), status);
    for (const [key, { id, epoch, positions, nextTimer }] of this.own) {
      // Another process may have taken the journal over.
      if ((found.get(key)?.epoch ?? -1) <= epoch) found.set(key, { ...id, epoch, positions, nextTimer });
    }
    return [...found.values()];
  }

  async close(): Promise<void> {
    await this.flush();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  /** Of every journal that has a topic, whoever writes it. */
  private async groups(): Promise<Set<string>> {
    const { cluster, names } = this.options;
    const prefix = names.journal("");
    const topics = await cluster.topicsWith(prefix);
    return new Set(topics.map((topic) => names.group(topic.slice(prefix.length))));
  }

  private async commitChanged(): Promise<void> {
    const byGroup = new Map<string, JournalState[]>();
    for (const key of this.changed) {
      const state = this.own.get(key);
      if (state === undefined) continue;
      const group = this.options.names.group(state.id.name);
      byGroup.set(group, [...(byGroup.get(group) ?? []), state]);
    }
    this.changed.clear();
    await Promise.all([...byGroup].map(([group, states]) => this.commit(group, states)));
  }

  private async commit(group: string, states: readonly JournalState[]): Promise<void> {
    const { names, logger } = this.options;
    const work = this.options.work?.();
    const offsets = states.flatMap(({ id, epoch, positions, nextTimer }) => {
      const metadata = JSON.stringify({ journal: id.name, partition: id.partition, epoch, nextTimer, work });
      return positions.map(({ topic, partition, offset }) => ({
        topic: names.topic(topic),
        partition,
        offset,
        metadata,
      }));
    });
    if (offsets.length === 0) return;
    try {
      await this.call(group, OFFSET_COMMIT, { group, offsets }, (results) => results.map(({ errorCode }) => errorCode));
      this.wasFailing = false;
    } catch (error) {
      if (!this.wasFailing)
        logger.warn({ group, cause: errorText(error) }, "positions cannot be committed: trying again");
      this.wasFailing = true;
      for (const { id } of states) this.changed.add(keyOf(id.name, id.partition));
      this.timer ??= setTimeout(() => void this.flush(), FLUSH_MS * 5);
    }
  }

  private async fetch(group: string): Promise<JournalStatus[]> {
    const { offsets } = await this.call(group, OFFSET_FETCH, group, ({ errorCode }) => [errorCode]);
    const prefix = this.options.names.topic("");
    const found = new Map<string, JournalStatus & { positions: TopicPosition[] }>();
    for (const { topic, partition, offset, metadata } of offsets) {
      const whose = metadataSchema.safeParse(parseJson(metadata));
      // Somebody else's offsets in our group, moved by hand.
      if (!whose.success || offset < 0) continue;
      const { journal, partition: own, ...told } = whose.data;
      const key = keyOf(journal, own);
      const status = found.get(key) ?? { name: journal, partition: own, ...told, positions: [] };
      status.positions.push({ topic: topic.slice(prefix.length), partition, offset });
      found.set(key, status);
    }
    return [...found.values()];
  }

  private async call<Q, A>(
    group: string,
    api: KafkaApi<Q, A>,
    request: Q,
    errorsOf: (answer: A) => readonly number[],
  ): Promise<A> {
    const answer = await callCoordinator(this.options.cluster, group, api, request, errorsOf);
    const failed = errorsOf(answer).find((code) => code !== KAFKA_ERROR.none);
    if (failed === undefined) return answer;
    throw new MillraceError("LOG_IO", `${api.name} of the group ${group} failed: ${kafkaErrorText(failed)}`);
  }
}

function keyOf(name: string, partition: number): string {
  return `${name}/${partition}`;
}
