import { ActiveAlarms } from "../overview/active-alarms.tsx";
import { LedgerCard } from "../overview/ledger-card.tsx";
import { NoisyDevices, SilentDevices } from "../overview/fleet-cards.tsx";
import { PipelineCard } from "../overview/pipeline-card.tsx";
import { StateHeadline } from "../overview/state-headline.tsx";
import { ThroughputCard } from "../overview/throughput-card.tsx";

/** What is wrong now, then how the platform does. */
export function OverviewPage() {
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
