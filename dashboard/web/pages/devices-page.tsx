import { useComputed } from "@preact/signals";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Device } from "../../../core/registry.ts";
import { DeviceRow } from "../devices/device-row.tsx";
import { DeviceTableHead } from "../devices/device-table-head.tsx";
import { NoDevices } from "../devices/no-devices.tsx";
import { useDeviceDirectory } from "../devices/use-device-directory.ts";
import { formatCount } from "../model/format-number.ts";
import { formatDeviceSort, parseDeviceSort, sortDevices } from "../model/sort-devices.ts";
import { useApp } from "../state/app-state.ts";
import { SearchBox } from "../ui/controls.tsx";
import { EmptyState, ErrorState, SkeletonRows } from "../ui/notices.tsx";
import { useMedia } from "../ui/use-media.ts";
import { VirtualRows } from "../ui/virtual-rows.tsx";

const RELOAD_MS = 30_000;

export function DevicesPage() {
  const { router, live, types } = useApp();
  const query = router.query.value;
  const search = query.get("search") ?? "";
  const type = query.get("type") ?? "";
  const sort = parseDeviceSort(query.get("sort"));
  const [attempt, setAttempt] = useState(0);
  const { devices, isLoading, isCut, error } = useDeviceDirectory(search, attempt);
  const isSmall = useMedia("(max-width: 719px)");
  const isMedium = useMedia("(min-width: 1100px)");
  const isWide = useMedia("(min-width: 1500px)");
  const rowHeight = isSmall ? 68 : 40;
  const valuesMax = isWide ? 6 : isMedium ? 4 : isSmall ? 2 : 3;
  useEffect(() => {
    const timer = setInterval(() => setAttempt((n) => n + 1), RELOAD_MS);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => () => live.watchValues([]), []);
  const typeNames = useComputed(() => types.value.map(({ id }) => id));
  const typeChoices = [...new Set([...typeNames.value, ...devices.map((d) => d.type ?? ""), type])]
    .filter(Boolean)
    .sort();
  const lastSeen = (device: Device) => Math.max(device.lastSeen ?? 0, live.valuesOf(device.id).peek()?.[1] ?? 0);
  const shown = useMemo(
    () => sortDevices(type === "" ? devices : devices.filter((device) => device.type === type), sort, lastSeen),
    [devices, type, sort.key, sort.descending],
  );
  return (
    <div class="list-page">
      <div class="toolbar">
        <h1 class="page-title">Devices</h1>
        <SearchBox label="Search devices" value={search} onChange={(text) => router.setQuery({ search: text })} />
        <label class="select-box">
          <span class="visually-hidden">Type</span>
          <select value={type} onChange={(event) => router.setQuery({ type: event.currentTarget.value })}>
            <option value="">All types</option>
            {typeChoices.map((id) => (
              <option value={id}>{id}</option>
            ))}
          </select>
        </label>
        <span class="toolbar-end muted number" aria-live="polite">
          {formatCount(shown.length)} {shown.length === 1 ? "device" : "devices"}
          {isCut && ", more match: search on"}
        </span>
      </div>
      <div class="card device-table" role="table" aria-label="Devices" aria-rowcount={shown.length}>
        <DeviceTableHead sort={sort} onSort={(next) => router.setQuery({ sort: formatDeviceSort(next) })} />
        {error !== null && devices.length === 0 ? (
          <ErrorState error={error} onRetry={() => setAttempt(attempt + 1)} />
        ) : isLoading && devices.length === 0 ? (
          <div class="card-body">
            <SkeletonRows count={12} />
          </div>
        ) : shown.length === 0 ? (
          search === "" && type === "" ? (
            <NoDevices />
          ) : (
            <EmptyState title="No device matches.">
              <button type="button" class="button" onClick={() => router.setQuery({ search: null, type: null })}>
                Show all devices
              </button>
            </EmptyState>
          )
        ) : (
          <VirtualRows
            items={shown}
            rowHeight={rowHeight}
            keyOf={(device) => device.id}
            render={(device) => <DeviceRow device={device} valuesMax={valuesMax} />}
            onVisible={(visible) => live.watchValues(visible.map(({ id }) => id))}
          />
        )}
      </div>
    </div>
  );
}
