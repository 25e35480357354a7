import { formatDuration } from "../model/format-time.ts";
import { stateSentence } from "../model/state-sentence.ts";
import { useApp } from "../state/app-state.ts";
import { Icon } from "../ui/icon.tsx";

export function StateHeadline() {
  const overview = useApp().live.overview.value;
  if (overview === null) {
    return (
      <header class="headline" aria-busy="true">
        <div class="skeleton skeleton-headline" />
      </header>
    );
  }
  const { tone, text } = stateSentence(overview);
  return (
    <header class={`headline headline-${tone}`}>
      <h1 data-testid="state-sentence">
        <Icon name={tone === "ok" ? "check" : "warning"} size={22} />
        {text}
      </h1>
      {overview.faults.length > 0 && (
        <ul class="fault-list" aria-label="Platform faults">
          {overview.faults.map((fault) => (
            <li key={fault.id} data-testid="platform-fault">
              <Icon name="warning" />
              <span>{fault.text}</span>
              <FaultAge since={fault.since} />
            </li>
          ))}
        </ul>
      )}
    </header>
  );
}

function FaultAge({ since }: { since: number }) {
  const { clock } = useApp();
  const ms = clock.now.value - since;
  return <span class="fault-age number">for {formatDuration(ms < 60_000 ? ms : ms - (ms % 60_000))}</span>;
}
