import type { DeviceSort, DeviceSortKey } from "../model/sort-devices.ts";
import { Icon } from "../ui/icon.tsx";

export function DeviceTableHead({ sort, onSort }: { sort: DeviceSort; onSort: (sort: DeviceSort) => void }) {
  return (
    <div class="table-head device-row" role="row">
      <SortHead label="Device" name="id" sort={sort} onSort={onSort} />
      <SortHead label="Type" name="type" sort={sort} onSort={onSort} />
      <span role="columnheader">Last values</span>
      <SortHead label="Last seen" name="seen" sort={sort} onSort={onSort} />
    </div>
  );
}

function SortHead(props: { label: string; name: DeviceSortKey; sort: DeviceSort; onSort: (sort: DeviceSort) => void }) {
  const { label, name, sort, onSort } = props;
  const isSorted = sort.key === name;
  const direction = sort.descending ? "descending" : "ascending";
  return (
    <span role="columnheader" aria-sort={isSorted ? direction : "none"}>
      <button
        type="button"
        class="sort-button"
        // The newest first is what one wants of times, A first of names.
        onClick={() => onSort({ key: name, descending: isSorted ? !sort.descending : name === "seen" })}
      >
        {label}
        {isSorted && <Icon name={sort.descending ? "down" : "up"} size={14} />}
      </button>
    </span>
  );
}
