import type { ReadonlySignal } from "@preact/signals";
import { useState } from "preact/hooks";
import type { Device } from "../../../core/registry.ts";
import { saveFile } from "../chart/save-png.ts";
import { type ChartRange, RANGE_PRESETS } from "../model/chart-range.ts";
import { toCsv } from "../model/csv.ts";
import { useApp } from "../state/app-state.ts";
import type { DeviceFeed } from "../state/device-feed.ts";
import { collectTable, type ReadingsTable } from "../state/collect-table.ts";
import type { SeriesSpan } from "../state/load-series.ts";
import { Segmented } from "../ui/controls.tsx";
import { Icon } from "../ui/icon.tsx";
import { TimeText } from "../ui/time-text.tsx";
import { ReadingsDialog } from "./readings-dialog.tsx";

export function ChartToolbar(props: {
  device: Device;
  feed: DeviceFeed;
  range: ChartRange;
  span: ReadonlySignal<SeriesSpan>;
  metrics: readonly string[];
}) {
  const { device, feed, range, span, metrics } = props;
  const app = useApp();
  const { router, settings } = app;
  const [table, setTable] = useState<ReadingsTable | null>(null);
  const [isBusy, setBusy] = useState(false);
  const collect = async (use: (table: ReadingsTable) => void) => {
    setBusy(true);
    try {
      use(await collectTable(app.api, { device: device.id, feed, metrics, span: span.peek() }));
    } finally {
      setBusy(false);
    }
  };
  const isEmpty = metrics.length === 0;
  return (
    <div class="toolbar">
      <Segmented
        label="Time range"
        options={RANGE_PRESETS.map(({ name, label }) => ({ value: name, label }))}
        value={range.kind === "preset" ? range.name : null}
        onChange={(name) => router.setQuery({ range: name, from: null, to: null }, { push: true })}
      />
      {range.kind === "custom" && (
        <span class="custom-range">
          <TimeText ts={range.from} /> – <TimeText ts={range.to} />
          <button type="button" class="text-button" onClick={() => router.setQuery({ from: null, to: null })}>
            Reset
          </button>
        </span>
      )}
      <span class="toolbar-end">
        <Segmented
          label="Time zone"
          options={[
            { value: "local", label: "Local" },
            { value: "utc", label: "UTC" },
          ]}
          value={settings.zone.value}
          onChange={(zone) => (settings.zone.value = zone)}
        />
        <button type="button" class="button" disabled={isBusy || isEmpty} onClick={() => void collect(setTable)}>
          <Icon name="table" /> Table
        </button>
        <button
          type="button"
          class="button"
          disabled={isBusy || isEmpty}
          onClick={() =>
            void collect((found) => saveFile(new Blob([csvOf(found)], { type: "text/csv" }), `${device.id}.csv`))
          }
        >
          <Icon name="download" /> CSV
        </button>
      </span>
      {table !== null && <ReadingsDialog device={device} table={table} onClose={() => setTable(null)} />}
    </div>
  );
}

/** ISO times in UTC: a file outlives the screen that it was saved from. */
function csvOf({ metrics, rows }: ReadingsTable): string {
  return toCsv(
    ["event_time", ...metrics],
    rows.map(({ ts, values }) => [new Date(ts).toISOString(), ...values]),
  );
}
