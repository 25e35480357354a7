import type { ConsumedPartition } from "../../../core/partition-view.ts";
import { formatCount, formatShort } from "../model/format-number.ts";
import { lagLevel } from "../model/partition-cards.ts";

interface PartitionCellProps {
  cell: ConsumedPartition;
  owner: string;
  isUnowned: boolean;
}

/** A partition by its number, and how many records are left to read. */
export function PartitionCell({ cell, owner, isUnowned }: PartitionCellProps) {
  const { topic, partition, position, endOffset, lag } = cell;
  const place = `${formatCount(lag)} behind: at ${formatCount(position)} of ${formatCount(endOffset)}`;
  return (
    <li
      class={`partition partition-${isUnowned ? "unowned" : lagLevel(lag)} number`}
      data-position={position}
      title={`${topic} ${partition}\n${place}\n${isUnowned ? "nobody’s" : owner}`}
    >
      <span class="visually-hidden">partition </span>
      <span>{partition}</span>
      <span class="partition-lag">
        {formatShort(lag)}
        <span class="visually-hidden"> behind{isUnowned && ", nobody’s"}</span>
      </span>
    </li>
  );
}
