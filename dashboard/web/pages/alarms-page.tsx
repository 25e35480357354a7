import { useMemo } from "preact/hooks";
import type { Severity } from "../../../core/alarm-rule.ts";
import { type AlarmFilter, filterAlarms } from "../model/alarm-list.ts";
import { formatCount } from "../model/format-number.ts";
import { SEVERITIES } from "../model/severities.ts";
import { useApp } from "../state/app-state.ts";
import { AlarmRow } from "../ui/alarm-table.tsx";
import { SearchBox, Segmented } from "../ui/controls.tsx";
import { EmptyState, ErrorState, SkeletonRows } from "../ui/notices.tsx";
import { SeverityMark } from "../ui/severity-mark.tsx";
import { useMedia } from "../ui/use-media.ts";
import { VirtualRows } from "../ui/virtual-rows.tsx";

const STATES = [
  { value: "all", label: "All" },
  { value: "active", label: "Active" },
  { value: "cleared", label: "Past" },
] as const;

export function AlarmsPage() {
  const { router, alarms } = useApp();
  const query = router.query.value;
  const severityText = query.get("severity") ?? "";
  const filter: AlarmFilter = {
    state: STATES.find(({ value }) => value === query.get("state"))?.value ?? "all",
    severities: new Set(SEVERITIES.filter((severity) => severityText.split(",").includes(severity))),
    search: query.get("search") ?? "",
  };
  const all = alarms.all.value;
  const shown = useMemo(() => filterAlarms(all.values(), filter), [all, filter.state, severityText, filter.search]);
  const isSmall = useMedia("(max-width: 719px)");
  const error = alarms.error.value;
  return (
    <div class="list-page">
      <div class="toolbar">
        <h1 class="page-title">Alarms</h1>
        <Segmented
          label="State"
          options={STATES}
          value={filter.state}
          onChange={(state) => router.setQuery({ state: state === "all" ? null : state })}
        />
        <SeverityFilter chosen={filter.severities} />
        <SearchBox label="Search alarms" value={filter.search} onChange={(text) => router.setQuery({ search: text })} />
        <span class="toolbar-end muted number">
          {formatCount(alarms.active.value.length)} active, {formatCount(shown.length)}
          {alarms.hasMore.value && "+"} shown
        </span>
      </div>
      <div class="card alarm-list" role="table" aria-label="Alarms" aria-rowcount={shown.length}>
        <AlarmTableHead />
        {!alarms.isLoaded.value && error !== null ? (
          <ErrorState error={error} onRetry={() => void alarms.refresh()} />
        ) : !alarms.isLoaded.value ? (
          <div class="card-body">
            <SkeletonRows count={10} />
          </div>
        ) : shown.length === 0 ? (
          <NoAlarms isFiltered={all.size > 0} />
        ) : (
          <VirtualRows
            items={shown}
            rowHeight={isSmall ? 84 : 40}
            keyOf={(alarm) => alarm.id}
            render={(alarm) => <AlarmRow alarm={alarm} />}
            onEnd={() => void alarms.loadMore()}
          />
        )}
      </div>
    </div>
  );
}

function SeverityFilter({ chosen }: { chosen: ReadonlySet<Severity> }) {
  const { router } = useApp();
  const toggle = (severity: Severity) => {
    const next = SEVERITIES.filter((name) => chosen.has(name) !== (name === severity));
    router.setQuery({ severity: next.join(",") });
  };
  return (
    <div class="segmented" role="group" aria-label="Severity">
      {SEVERITIES.map((severity) => (
        <button type="button" aria-pressed={chosen.has(severity)} onClick={() => toggle(severity)}>
          <SeverityMark severity={severity} />
        </button>
      ))}
    </div>
  );
}

function AlarmTableHead() {
  return (
    <div class="table-head alarm-row" role="row">
      {["Severity", "Device", "Rule", "What happened", "Raised", "State"].map((title) => (
        <span role="columnheader">{title}</span>
      ))}
    </div>
  );
}

function NoAlarms({ isFiltered }: { isFiltered: boolean }) {
  const { router } = useApp();
  if (!isFiltered) {
    return (
      <EmptyState title="No alarm has been raised.">
        <p>
          Alarms appear here as they happen, by the rules that <code>millrace apply</code> was given.
        </p>
      </EmptyState>
    );
  }
  return (
    <EmptyState title="No alarm matches.">
      <button
        type="button"
        class="button"
        onClick={() => router.setQuery({ state: null, severity: null, search: null })}
      >
        Show all alarms
      </button>
    </EmptyState>
  );
}
