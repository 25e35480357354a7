import { SkeletonRows } from "../ui/notices.tsx";

const CARDS = [
  { area: "alarms", title: "Active alarms", rows: 5 },
  { area: "throughput", title: "Throughput", rows: 5 },
  { area: "pipeline", title: "Pipeline", rows: 2 },
  { area: "ledger", title: "Ledger", rows: 9 },
  { area: "noisy", title: "Noisiest devices", rows: 5 },
  { area: "silent", title: "Silent devices", rows: 5 },
] as const;

/** Until everything that decides how tall a card is has come: then all of them appear in their places at once. */
export function OverviewSkeleton() {
  return (
    <div class="overview" aria-busy="true">
      <header class="headline">
        <div class="skeleton skeleton-headline" />
      </header>
      {CARDS.map(({ area, title, rows }) => (
        <section class={`card area-${area}`}>
          <h2 class="card-title">{title}</h2>
          <div class="card-body">
            <SkeletonRows count={rows} />
          </div>
        </section>
      ))}
    </div>
  );
}
