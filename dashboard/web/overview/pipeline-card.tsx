import type { Hop } from "../../../core/overview.ts";
import { formatCount, formatRate } from "../model/format-number.ts";
import { hopTitle } from "../model/hop-title.ts";
import { useApp } from "../state/app-state.ts";

const STATE_TEXT: Readonly<Record<Hop["state"], string>> = {
  ok: "keeps up",
  lagging: "lagging",
  stopped: "stopped",
  off: "off",
};

/** The stream from the devices to where it ends. The first two hops are in a row; the others read side by side. */
export function PipelineCard() {
  const overview = useApp().live.overview.value;
  const hops = overview?.hops ?? [];
  const [first, second, ...ends] = hops;
  return (
    <section class="card area-pipeline" aria-labelledby="pipeline-title">
      <h2 class="card-title" id="pipeline-title">
        Pipeline
        <a class="card-title-link" href="/partitions">
          Partitions
        </a>
      </h2>
      <div class="pipeline" aria-busy={overview === null}>
        {first !== undefined && <HopBox hop={first} isFirst />}
        {second !== undefined && (
          <>
            <FlowArrow hop={second} />
            <HopBox hop={second} />
          </>
        )}
        {ends.length > 0 && (
          <div class="pipeline-ends">
            {ends.map((hop) => (
              <div class="pipeline-end" key={hop.name}>
                <FlowArrow hop={hop} />
                <HopBox hop={hop} />
              </div>
            ))}
          </div>
        )}
      </div>
    </section>
  );
}

function HopBox({ hop, isFirst = false }: { hop: Hop; isFirst?: boolean }) {
  return (
    <div class={`hop hop-${hop.state}`} data-testid={`hop-${hop.name}`}>
      <h3>{hopTitle(hop.name)}</h3>
      <p class="hop-rate number">{hop.state === "off" ? "off" : formatRate(hop.ratePerSecond)}</p>
      <p class="hop-lag number">
        {isFirst
          ? "messages"
          : hop.state === "off"
            ? "not configured"
            : `${formatCount(hop.lag)} behind · ${STATE_TEXT[hop.state]}`}
      </p>
    </div>
  );
}

/** Moves while records flow; stands still when none do. */
function FlowArrow({ hop }: { hop: Hop }) {
  const isFlowing = hop.ratePerSecond > 0 && hop.state !== "stopped" && hop.state !== "off";
  return (
    <svg
      class={`flow flow-${hop.state}${isFlowing ? " is-flowing" : ""}`}
      viewBox="0 0 48 16"
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path d="M0 8H40" />
      <path class="flow-head" d="M38 3.5 46 8 38 12.5z" />
    </svg>
  );
}
