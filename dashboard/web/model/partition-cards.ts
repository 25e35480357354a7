import { LAGGING_RECORDS } from "../../../core/overview.ts";
import type { ConsumedPartition, ConsumerView, PartitionView } from "../../../core/partition-view.ts";
import { hopTitle } from "./hop-title.ts";

/** A topic with more partitions than these is summed instead of drawn. */
const CELLS_SHOWN = 64;

export type LagLevel = "current" | "behind" | "lagging";

/** One consumer of the log: who works on it, and how far behind. */
export interface ConsumerCard {
  readonly name: string;
  readonly title: string;
  readonly lag: number;
  readonly level: LagLevel;
  /** Null when nothing is dealt out: this process has all of it. */
  readonly memberCount: number | null;
  /** Partitions that nobody works on now. */
  readonly nobodys: number;
  readonly rows: readonly OwnerRow[];
}

export interface OwnerRow {
  readonly key: string;
  readonly kind: "member" | "process" | "nobody";
  readonly label: string;
  readonly count: number;
  readonly lag: number;
  readonly topics: readonly TopicShare[];
}

/** What one owner has of a topic. */
export interface TopicShare {
  readonly topic: string;
  readonly count: number;
  readonly lag: number;
  /** The one that is furthest behind. */
  readonly worst: ConsumedPartition;
  /** Null when there are too many to draw. */
  readonly cells: readonly ConsumedPartition[] | null;
}

export function consumerCards({ consumers }: PartitionView): readonly ConsumerCard[] {
  const isDealtOut = consumers.some(({ members }) => members.length > 0);
  return consumers.map((consumer) => consumerCard(consumer, isDealtOut));
}

/** One process tells nobody apart; among several, a consumer without members is one on which nobody works. */
function consumerCard(consumer: ConsumerView, isDealtOut: boolean): ConsumerCard {
  const { name, members, partitions } = consumer;
  const drawn = topicsToDraw(partitions);
  const row = (key: string, kind: OwnerRow["kind"], label: string, own: readonly ConsumedPartition[]): OwnerRow => ({
    key,
    kind,
    label,
    count: own.length,
    lag: lagSum(own),
    topics: topicShares(own, drawn),
  });
  const lag = lagSum(partitions);
  const common = { name, title: consumerTitle(name), lag, level: lagLevel(lag) };
  if (!isDealtOut) {
    const rows = [row("", "process", "this process", partitions)];
    return { ...common, memberCount: null, nobodys: 0, rows };
  }
  const unowned = partitions.filter(({ owner }) => owner === null);
  const rows = members
    .toSorted((a, b) => a.label.localeCompare(b.label) || a.id.localeCompare(b.id))
    .map(({ id, label }) =>
      row(
        id,
        "member",
        label,
        partitions.filter(({ owner }) => owner === id),
      ),
    );
  // Below the members: it comes and goes with every handover, and must not move them.
  if (unowned.length > 0) rows.push(row("", "nobody", "nobody", unowned));
  return { ...common, memberCount: members.length, nobodys: unowned.length, rows };
}

export function lagLevel(lag: number): LagLevel {
  return lag > LAGGING_RECORDS ? "lagging" : lag > 0 ? "behind" : "current";
}

/** `stage:main` is the pipeline's "Processors", `sink:clickhouse` its "ClickHouse". */
function consumerTitle(name: string): string {
  const [kind, own = name] = name.split(":");
  return hopTitle(kind === "stage" && own === "main" ? "processors" : own);
}

/** By what the whole consumer reads: how a topic is shown does not change with who has it. */
function topicsToDraw(partitions: readonly ConsumedPartition[]): ReadonlySet<string> {
  const groups = Object.entries(Object.groupBy(partitions, ({ topic }) => topic));
  return new Set(groups.filter(([, group = []]) => group.length <= CELLS_SHOWN).map(([topic]) => topic));
}

function topicShares(own: readonly ConsumedPartition[], drawn: ReadonlySet<string>): readonly TopicShare[] {
  return Object.entries(Object.groupBy(own, ({ topic }) => topic)).flatMap(([topic, cells = []]) => {
    const [first, ...others] = cells;
    if (first === undefined) return [];
    const worst = others.reduce((most, cell) => (cell.lag > most.lag ? cell : most), first);
    return [{ topic, count: cells.length, lag: lagSum(cells), worst, cells: drawn.has(topic) ? cells : null }];
  });
}

function lagSum(partitions: readonly ConsumedPartition[]): number {
  return partitions.reduce((sum, { lag }) => sum + lag, 0);
}
