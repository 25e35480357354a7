import type { Severity } from "../../../core/alarm-rule.ts";

/** Each severity has a shape of its own, so that colour is never the only sign (ISA-101). */
const SHAPES: Readonly<Record<Severity, string>> = {
  critical: "M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3L1.5 10.7V5.3z",
  high: "M8 1.5 15 14H1z",
  medium: "M8 1.2 14.8 8 8 14.8 1.2 8z",
  low: "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11z",
};

export function SeverityMark({
  severity,
  isActive = true,
  label = true,
}: {
  severity: Severity;
  isActive?: boolean;
  label?: boolean;
}) {
  return (
    <span class={`severity severity-${severity}${isActive ? "" : " is-past"}`}>
      <svg width="12" height="12" viewBox="0 0 16 16" aria-hidden="true">
        <path d={SHAPES[severity]} />
      </svg>
      {label ? <span>{severity}</span> : <span class="visually-hidden">{severity}</span>}
    </span>
  );
}
