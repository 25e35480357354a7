import { counted, EXIT, formatTable } from "./output.ts";
import type { ConsumedPartition, ConsumerView, PartitionView } from "../../core/partition-view.ts";
import type { ApiClient } from "./api-client.ts";

interface PartitionsOptions {
  readonly json: boolean;
  /** Every partition, instead of those that somebody should look at. */
  readonly all: boolean;
}

interface Row {
  readonly consumer: string;
  readonly at: ConsumedPartition;
  readonly owner: string;
  readonly isNobodys: boolean;
}

const SHOWN = 20;

/** `millrace partitions`: who works on which partition, and how far behind. */
export async function partitionsCommand(api: ApiClient, { json, all }: PartitionsOptions): Promise<number> {
  const view = await api.get<PartitionView>("/partitions");
  console.log(json ? JSON.stringify(view) : partitionsText(view, all));
  return EXIT.ok;
}

/** A line for each consumer, then the partitions that are behind or nobody's, the worst first; or all of them, in their order. */
export function partitionsText(view: PartitionView, all: boolean): string {
  const isDealtOut = view.consumers.some(({ members }) => members.length > 0);
  const perConsumer = view.consumers.map((consumer) => ({ consumer, rows: rowsOf(consumer, isDealtOut) }));
  const summary = formatTable(
    ["consumer", "partitions", "behind", "lag", "worked by"],
    perConsumer.map(({ consumer, rows }) => summaryRow(consumer, rows, isDealtOut)),
  );
  const rows = perConsumer.flatMap((one) => one.rows);
  if (all) return `${summary}\n\n${formatRows(rows)}`;
  const bad = rows.filter(({ at, isNobodys }) => isNobodys || at.lag > 0);
  if (bad.length === 0) return `${summary}\n\nNo partition is behind or without a worker. See each with --all.`;
  const worst = bad.toSorted((a, b) => Number(b.isNobodys) - Number(a.isNobodys) || b.at.lag - a.at.lag);
  const more = bad.length > SHOWN ? `\n${bad.length - SHOWN} more: --all` : "";
  return `${summary}\n\n${formatRows(worst.slice(0, SHOWN))}${more}`;
}

function summaryRow({ name, members }: ConsumerView, rows: readonly Row[], isDealtOut: boolean): (string | number)[] {
  const nobodys = rows.filter((row) => row.isNobodys).length;
  const workers = isDealtOut ? counted(members.length, "member") : "this process";
  return [
    name,
    rows.length,
    rows.filter(({ at }) => at.lag > 0).length,
    rows.reduce((sum, { at }) => sum + at.lag, 0),
    nobodys === 0 ? workers : `${workers}, ${nobodys} by nobody`,
  ];
}

function formatRows(rows: readonly Row[]): string {
  return formatTable(
    ["consumer", "partition", "position", "lag", "owner"],
    rows.map(({ consumer, at, owner }) => [consumer, `${at.topic}/${at.partition}`, at.position, at.lag, owner]),
  );
}

/** One process tells nobody apart; among several, a consumer without members is one on which nobody works. */
function rowsOf({ name, members, partitions }: ConsumerView, isDealtOut: boolean): readonly Row[] {
  return partitions.map((at) => {
    const label = members.find(({ id }) => id === at.owner)?.label;
    return {
      consumer: name,
      at,
      owner: label ?? (isDealtOut ? "nobody" : "this process"),
      isNobodys: isDealtOut && label === undefined,
    };
  });
}
