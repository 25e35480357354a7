import type { FunctionUsage } from "../../../core/function-usage.ts";
import { formatCount, formatValue } from "../model/format-number.ts";
import { cpuPerRecord, formatBytes, formatCallTime, formatShare } from "../model/slow-lists.ts";

const COLUMNS: readonly (readonly [title: string, meaning: string])[] = [
  ["Function", "Version, and the stage that it runs in"],
  ["Of its stage", "Part of the CPU time of all functions of the stage"],
  ["Per record", "CPU time of its calls by the records that it was called for"],
  ["p50", "Half of its calls take at most about so long"],
  ["p99", "99 of 100 calls take at most about so long"],
  ["Records", "Records that it was called for since its threads started"],
  ["Errors", "Calls that threw"],
  ["State", "About what it keeps, whatever version made it"],
  ["GB s", "CPU time by the memory that its thread may have"],
];

/** Versions of functions, one in a line; on small screens in three. */
export function SlowFunctionList({ functions }: { functions: readonly FunctionUsage[] }) {
  return (
    <div class="card" role="table" aria-label="Functions by time" aria-rowcount={functions.length}>
      <div class="table-head slow-row slow-function" role="row">
        {COLUMNS.map(([title, meaning]) => (
          <span role="columnheader" title={meaning}>
            {title}
          </span>
        ))}
      </div>
      {functions.map((one) => (
        <Row key={`${one.stage} ${one.function} ${one.version}`} one={one} />
      ))}
    </div>
  );
}

function Row({ one }: { one: FunctionUsage }) {
  const share = one.stageShare ?? 0;
  const name = `${one.function}@${one.version}`;
  return (
    <div class="slow-row slow-function" role="row" data-testid="slow-function" data-function={name}>
      <span role="cell" class="slow-name" title={`${name}, stage ${one.stage}`}>
        <strong>{name}</strong> <span class="muted">{one.stage}</span>
      </span>
      <span role="cell" class="number stage-share" data-label="of its stage">
        <span class="share-bar" aria-hidden="true">
          <span style={{ width: `${100 * share}%` }} />
        </span>
        <span>{one.stageShare === null ? "–" : formatShare(share, 1)}</span>
      </span>
      <span role="cell" class="number" data-label="per record">
        {formatCallTime(cpuPerRecord(one))}
      </span>
      <span role="cell" class="number" data-label="p50">
        {formatCallTime(one.callMsP50)}
      </span>
      <span role="cell" class="number" data-label="p99">
        {formatCallTime(one.callMsP99)}
      </span>
      <span role="cell" class="number" data-label="records">
        {formatCount(one.records)}
      </span>
      <span
        role="cell"
        class={`number${one.errors > 0 ? " is-worst" : ""}`}
        data-label="errors"
        title={`${formatCount(one.errors)} of ${formatCount(one.invocations)} calls`}
      >
        {one.errors === 0 ? "0" : <a href="/rejects?reason=dead-letter">{formatCount(one.errors)}</a>}
      </span>
      <span role="cell" class="number" data-label="state">
        {formatBytes(one.stateBytes)}
      </span>
      <span role="cell" class="number" data-label="GB s">
        {one.gbSeconds === null ? "–" : formatValue(one.gbSeconds)}
      </span>
    </div>
  );
}
