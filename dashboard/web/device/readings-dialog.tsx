import { useEffect, useRef } from "preact/hooks";
import type { Device } from "../../../core/registry.ts";
import { alignDecimals, formatCount, formatExact } from "../model/format-number.ts";
import { formatDuration } from "../model/format-time.ts";
import { useApp } from "../state/app-state.ts";
import type { ReadingsTable } from "../state/collect-table.ts";
import { Icon } from "../ui/icon.tsx";

const ROWS_SHOWN = 500;

/** The charts' numbers, newest first, as of the moment it was opened. */
export function ReadingsDialog({
  device,
  table,
  onClose,
}: {
  device: Device;
  table: ReadingsTable;
  onClose: () => void;
}) {
  const { settings, unitOf, clock } = useApp();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const time = settings.time.value;
  const rows = table.rows.slice(-ROWS_SHOWN).reverse();
  const columns = table.metrics.map((_, column) => alignDecimals(rows.map(({ values }) => exactText(values[column]))));
  const kind = table.bucketMs === 0 ? "readings" : `means of ${formatDuration(table.bucketMs)}`;
  return (
    <dialog ref={dialog} class="dialog dialog-wide" aria-labelledby="readings-title" onClose={onClose}>
      <div class="dialog-body">
        <header>
          <h2 id="readings-title">{device.id}</h2>
          <p class="muted">
            {rows.length < table.rows.length ? `newest ${formatCount(rows.length)} of ` : ""}
            {formatCount(table.rows.length)} {kind}; times in {time.zoneName(clock.now.peek())}
          </p>
          <button type="button" class="icon-button" aria-label="Close" onClick={() => dialog.current?.close()}>
            <Icon name="close" />
          </button>
        </header>
        <div class="dialog-scroll" tabIndex={0}>
          <table class="plain-table">
            <thead>
              <tr>
                <th scope="col">Event time</th>
                {table.metrics.map((metric) => {
                  const unit = unitOf.value(device.type, metric);
                  return (
                    <th scope="col">
                      {metric} {unit !== "" && <span class="muted">{unit}</span>}
                    </th>
                  );
                })}
              </tr>
            </thead>
            <tbody>
              {rows.map(({ ts }, row) => (
                <tr>
                  <td class="number">{time.exact(ts)}</td>
                  {columns.map((column) => (
                    <td class="number">{column[row]}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </div>
    </dialog>
  );
}

function exactText(value: number | null | undefined): string {
  return value == null ? "" : formatExact(Number(value.toPrecision(8)));
}
