import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { LIMITS } from "../../../core/limits.ts";
import type { SlowDeviceOrder } from "../../../core/slow-device-order.ts";
import { parseSlowOrder, searchSlowDevices, slowestFunctions } from "../model/slow-lists.ts";
import { SlowDeviceList } from "../slow/slow-device-list.tsx";
import { SlowFunctionList } from "../slow/slow-function-list.tsx";
import { useApp } from "../state/app-state.ts";
import { type Found, useLook } from "../state/use-look.ts";
import { SearchBox, Segmented } from "../ui/controls.tsx";
import { EmptyState, ErrorState, SkeletonRows } from "../ui/notices.tsx";

const LOOK_MS = 5000;
/** More than anybody reads; the search is among these. */
const SHOWN = Math.min(100, LIMITS.pageSizeMax);

const ORDERS = [
  { value: "silence", label: "Silent" },
  { value: "delay", label: "Delayed" },
  { value: "rejects", label: "Rejected" },
] as const;

const ALL_WELL: Readonly<Record<SlowDeviceOrder, readonly [title: string, text: string]>> = {
  silence: [
    "Every device reports at its usual pace.",
    "Those appear here that have said nothing for three of their own usual intervals.",
  ],
  delay: [
    "No device reports late.",
    "Those appear here whose readings are usually under way for a second or longer, or whose clock is behind.",
  ],
  rejects: [
    "What devices send counts.",
    "Those appear here of whose messages some were duplicates, late, in quarantine, or failed in a function.",
  ],
};

/** Which devices and which functions are slow, the worst first. */
export function SlowPage() {
  const { router } = useApp();
  const query = router.query.value;
  const isFunctions = query.get("show") === "functions";
  const search = query.get("search") ?? "";
  const by = parseSlowOrder(query.get("by"));
  return (
    <div class="list-page slow-page">
      <div class="toolbar">
        <h1 class="page-title">Slow</h1>
        <Segmented
          label="What"
          options={[
            { value: "devices", label: "Devices" },
            { value: "functions", label: "Functions" },
          ]}
          value={isFunctions ? "functions" : "devices"}
          onChange={(show) => router.setQuery({ show: show === "functions" ? show : null, search: null })}
        />
        {!isFunctions && (
          <Segmented
            label="By"
            options={ORDERS}
            value={by}
            onChange={(order) => router.setQuery({ by: order === "silence" ? null : order })}
          />
        )}
        <SearchBox
          label={isFunctions ? "Search functions" : "Search devices"}
          value={search}
          onChange={(text) => router.setQuery({ search: text })}
        />
      </div>
      {isFunctions ? <Functions search={search} /> : <Devices by={by} search={search} />}
    </div>
  );
}

function Devices({ by, search }: { by: SlowDeviceOrder; search: string }) {
  const { api } = useApp();
  const found = useLook((signal) => api.slowDevices({ by, limit: SHOWN }, signal), LOOK_MS, by);
  const shown = useMemo(() => searchSlowDevices(found.view?.items ?? [], search), [found.view, search]);
  const [title, text] = ALL_WELL[by];
  return (
    <Looked found={found} isEmpty={shown.length === 0} search={search} title={title} text={text}>
      <SlowDeviceList devices={shown} by={by} />
    </Looked>
  );
}

function Functions({ search }: { search: string }) {
  const { api } = useApp();
  const found = useLook((signal) => api.functionUsage(signal), LOOK_MS);
  const shown = useMemo(() => slowestFunctions(found.view?.items ?? [], search), [found.view, search]);
  return (
    <Looked
      found={found}
      isEmpty={shown.length === 0}
      search={search}
      title="No function was called in this process."
      text="Where other processes run them, their metrics millrace_function_… say the same."
    >
      <SlowFunctionList functions={shown} />
    </Looked>
  );
}

function Looked(props: {
  found: Found<unknown>;
  isEmpty: boolean;
  search: string;
  title: string;
  text: string;
  children: ComponentChildren;
}) {
  const { found, isEmpty, search, title, text, children } = props;
  const { view, error, retry } = found;
  if (view === null) {
    return (
      <div class="card">
        {error === null ? (
          <div class="card-body">
            <SkeletonRows count={8} />
          </div>
        ) : (
          <ErrorState error={error} onRetry={retry} />
        )}
      </div>
    );
  }
  return (
    <>
      <p class="slow-stale is-stale" role="status">
        {error !== null && `Not updated: ${error.message}`}
      </p>
      <div data-stale={error !== null}>
        {isEmpty ? <Nothing search={search} title={title} text={text} /> : children}
      </div>
    </>
  );
}

function Nothing({ search, title, text }: { search: string; title: string; text: string }) {
  const { router } = useApp();
  return (
    <div class="card">
      {search === "" ? (
        <EmptyState title={title}>
          <p>{text}</p>
        </EmptyState>
      ) : (
        <EmptyState title="Nothing matches.">
          <button type="button" class="button" onClick={() => router.setQuery({ search: null })}>
            Show all
          </button>
        </EmptyState>
      )}
    </div>
  );
}
