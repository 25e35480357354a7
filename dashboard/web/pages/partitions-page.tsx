import { useMemo } from "preact/hooks";
import type { PartitionView } from "../../../core/partition-view.ts";
import { consumerCards } from "../model/partition-cards.ts";
import { ConsumerCardView } from "../partitions/consumer-card.tsx";
import { usePartitions } from "../partitions/use-partitions.ts";
import { EmptyState, ErrorState, SkeletonRows } from "../ui/notices.tsx";
import { AgoText } from "../ui/time-text.tsx";

/** Who works on which partition of each consumer, and how far behind, as it moves. */
export function PartitionsPage() {
  const { view, error, retry } = usePartitions();
  const isStale = view !== null && error !== null;
  return (
    <div class="partitions-page">
      <div class="toolbar">
        <h1 class="page-title">Partitions</h1>
        {view !== null && (
          <span class={`toolbar-end ${isStale ? "is-stale" : "muted"}`}>
            <span role="status">{isStale && `Not updated: ${error.message}`}</span>
            <AgoText ts={view.at} prefix="as of " />
          </span>
        )}
      </div>
      {view !== null ? (
        <Consumers view={view} isStale={isStale} />
      ) : error === null ? (
        <Loading />
      ) : (
        <div class="card">
          <ErrorState error={error} onRetry={retry} />
        </div>
      )}
    </div>
  );
}

function Consumers({ view, isStale }: { view: PartitionView; isStale: boolean }) {
  const cards = useMemo(() => consumerCards(view), [view]);
  if (cards.length === 0) {
    return (
      <div class="card">
        <EmptyState title="Nothing reads the log.">
          <p>Processors and sinks appear here with the partitions that they work on.</p>
        </EmptyState>
      </div>
    );
  }
  return (
    <div class="consumers" data-stale={isStale}>
      {cards.map((card) => (
        <ConsumerCardView key={card.name} card={card} />
      ))}
    </div>
  );
}

function Loading() {
  return (
    <div class="consumers">
      {[4, 10, 4].map((rows) => (
        <div class="card card-body">
          <SkeletonRows count={rows} />
        </div>
      ))}
    </div>
  );
}
