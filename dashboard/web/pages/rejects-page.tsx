import { useMemo, useState } from "preact/hooks";
import { formatCount } from "../model/format-number.ts";
import { REASONS, reasonMeaning } from "../model/quarantine-reasons.ts";
import { DEAD_LETTER, type Reject, searchRejects } from "../model/reject-list.ts";
import { RejectDialog } from "../rejects/reject-dialog.tsx";
import { RejectRow, RejectTableHead } from "../rejects/reject-row.tsx";
import { useRejects } from "../rejects/use-rejects.ts";
import { useApp } from "../state/app-state.ts";
import { SearchBox } from "../ui/controls.tsx";
import { Icon } from "../ui/icon.tsx";
import { EmptyState, ErrorState, SkeletonRows } from "../ui/notices.tsx";
import { useMedia } from "../ui/use-media.ts";
import { VirtualRows } from "../ui/virtual-rows.tsx";

/** What did not become a reading, and what functions failed on, with the reason: the ledger's lines one by one. */
export function RejectsPage() {
  const { router } = useApp();
  const query = router.query.value;
  const device = query.get("device") ?? "";
  const reason = query.get("reason") ?? "";
  const search = query.get("search") ?? "";
  const { rejects, isCut, error, retry } = useRejects({ device, reason });
  const shown = useMemo(() => searchRejects(rejects ?? [], search), [rejects, search]);
  const [opened, setOpened] = useState<Reject | null>(null);
  const isSmall = useMedia("(max-width: 719px)");
  return (
    <div class="list-page">
      <div class="toolbar">
        <h1 class="page-title">Rejects</h1>
        <SearchBox label="Search rejects" value={search} onChange={(text) => router.setQuery({ search: text })} />
        <ReasonSelect reason={reason} />
        {device !== "" && <DeviceFilter device={device} />}
        <span class="toolbar-end muted number" aria-live="polite">
          {rejects !== null && `${isCut ? "newest " : ""}${formatCount(shown.length)} shown`}
        </span>
      </div>
      <div class="card reject-table" role="table" aria-label="Rejects" aria-rowcount={shown.length}>
        <RejectTableHead />
        {error !== null ? (
          <ErrorState error={error} onRetry={retry} />
        ) : rejects === null ? (
          <div class="card-body">
            <SkeletonRows count={10} />
          </div>
        ) : shown.length === 0 ? (
          <NoRejects isFiltered={device + reason + search !== ""} />
        ) : (
          <VirtualRows
            items={shown}
            rowHeight={isSmall ? 84 : 40}
            keyOf={({ key }) => key}
            render={(reject) => <RejectRow reject={reject} onOpen={setOpened} />}
          />
        )}
      </div>
      {opened !== null && <RejectDialog reject={opened} onClose={() => setOpened(null)} />}
    </div>
  );
}

function ReasonSelect({ reason }: { reason: string }) {
  const { router } = useApp();
  return (
    <label class="select-box">
      <span class="visually-hidden">Reason</span>
      <select value={reason} onChange={(event) => router.setQuery({ reason: event.currentTarget.value })}>
        <option value="">All reasons</option>
        <option value={DEAD_LETTER}>dead-letter (a function failed)</option>
        {REASONS.map((name) => (
          <option value={name} title={reasonMeaning(name)}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function DeviceFilter({ device }: { device: string }) {
  const { router } = useApp();
  return (
    <button
      type="button"
      class="button filter-chip"
      aria-label={`Of ${device} only. Show those of all devices.`}
      onClick={() => router.setQuery({ device: null })}
    >
      <span>{device}</span> <Icon name="close" size={12} />
    </button>
  );
}

function NoRejects({ isFiltered }: { isFiltered: boolean }) {
  const { router } = useApp();
  if (!isFiltered) {
    return (
      <EmptyState title="Nothing was rejected.">
        <p>
          Messages and values that cannot become readings are quarantined here with the reason, and so are records on
          which a function failed.
        </p>
      </EmptyState>
    );
  }
  return (
    <EmptyState title="No reject matches.">
      <button
        type="button"
        class="button"
        onClick={() => router.setQuery({ device: null, reason: null, search: null })}
      >
        Show all rejects
      </button>
    </EmptyState>
  );
}
