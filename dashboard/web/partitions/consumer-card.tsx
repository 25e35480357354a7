import { formatCount } from "../model/format-number.ts";
import type { ConsumerCard, OwnerRow, TopicShare } from "../model/partition-cards.ts";
import { PartitionCell } from "./partition-cell.tsx";

/** A consumer of the log, and below it everybody who has a part of it. */
export function ConsumerCardView({ card }: { card: ConsumerCard }) {
  const id = `consumer-${card.name}`;
  return (
    <section class="card consumer" aria-labelledby={id} data-testid="consumer" data-consumer={card.name}>
      <header class="consumer-head">
        <h2 id={id}>
          {card.title} <code class="muted">{card.name}</code>
        </h2>
        <p class="consumer-members number">
          {card.memberCount === null ? "not shared" : plural(card.memberCount, "member")}
          {card.nobodys > 0 && <strong class="is-unowned"> · {formatCount(card.nobodys)} nobody’s</strong>}
        </p>
        <p class={`consumer-lag number lag-${card.level}`} data-testid="consumer-lag" data-value={card.lag}>
          {formatCount(card.lag)} behind{card.level === "lagging" && " · lagging"}
        </p>
      </header>
      {card.rows.length === 0 ? (
        <p class="owner muted">Nobody works on it, and nothing of it has been read.</p>
      ) : (
        <ul>
          {card.rows.map((row) => (
            <OwnerItem key={row.key} row={row} />
          ))}
        </ul>
      )}
    </section>
  );
}

function OwnerItem({ row }: { row: OwnerRow }) {
  return (
    <li class={`owner owner-${row.kind}`} data-testid="owner" data-kind={row.kind}>
      <div class="owner-head">
        <h3 title={row.kind === "member" ? `${row.label}\n${row.key}` : undefined}>{ownerText(row)}</h3>
        <span class="number">{plural(row.count, "partition")}</span>
        <span class="number">{formatCount(row.lag)} behind</span>
      </div>
      {row.count === 0 && <p class="muted">{row.kind === "process" ? "Nothing has been read yet." : "Stands by."}</p>}
      {row.topics.map((share) => (
        <TopicLine key={share.topic} share={share} owner={ownerText(row)} isUnowned={row.kind === "nobody"} />
      ))}
    </li>
  );
}

interface TopicLineProps {
  share: TopicShare;
  owner: string;
  isUnowned: boolean;
}

function TopicLine({ share: { topic, count, lag, worst, cells }, owner, isUnowned }: TopicLineProps) {
  return (
    <div class="topic-line">
      <span class="topic-name" title={topic}>
        {topic}
      </span>
      {cells === null ? (
        <span class="topic-sum number">
          <span>{plural(count, "partition")}</span>
          <span>{formatCount(lag)} behind</span>
          <span class="muted">{lag > 0 && `most: ${worst.partition} with ${formatCount(worst.lag)}`}</span>
        </span>
      ) : (
        <ul class="partition-grid" aria-label={`${topic}, ${owner}`}>
          {cells.map((cell) => (
            <PartitionCell key={cell.partition} cell={cell} owner={owner} isUnowned={isUnowned} />
          ))}
        </ul>
      )}
    </div>
  );
}

function ownerText({ kind, label }: OwnerRow): string {
  return kind === "member" ? label : kind === "process" ? "This process" : "Nobody";
}

function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}
