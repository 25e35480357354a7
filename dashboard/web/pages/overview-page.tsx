import { ActiveAlarms } from "../overview/active-alarms.tsx";
import { LedgerCard } from "../overview/ledger-card.tsx";
import { NoisyDevices, SilentDevices } from "../overview/fleet-cards.tsx";
import { OverviewSkeleton } from "../overview/overview-skeleton.tsx";
import { PipelineCard } from "../overview/pipeline-card.tsx";
import { StateHeadline } from "../overview/state-headline.tsx";
import { ThroughputCard } from "../overview/throughput-card.tsx";
import { useApp } from "../state/app-state.ts";

/** What is wrong now, then how the platform does. */
export function OverviewPage() {
  const { live, alarms } = useApp();
  const hasAlarms = alarms.isLoaded.value || alarms.error.value !== null;
  if (live.overview.value === null || !hasAlarms) return <OverviewSkeleton />;
  return (
    <div class="overview">
      <StateHeadline />
      <ActiveAlarms />
      <ThroughputCard />
      <PipelineCard />
      <LedgerCard />
      <NoisyDevices />
      <SilentDevices />
    </div>
  );
}
