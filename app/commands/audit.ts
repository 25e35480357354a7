import { LIMITS } from "../../core/limits.ts";
import { EXIT, formatTable } from "./output.ts";
import type { AuditReport } from "../../core/audit-report.ts";
import type { LedgerReport } from "../../core/overview.ts";
import type { ApiClient } from "./api-client.ts";

const MISMATCHES_SHOWN = 20;

/** `millrace audit`: the ledger, proven per device. Exit code 3 when it does not balance. */
export async function auditCommand(api: ApiClient, options: { json: boolean }): Promise<number> {
  const report = await api.get<AuditReport>("/audit", LIMITS.auditTimeoutMs);
  console.log(options.json ? JSON.stringify(report) : formatAudit(report));
  return report.balanced ? EXIT.ok : EXIT.unbalanced;
}

export function formatAudit(report: AuditReport): string {
  const { late } = report.ledger;
  const lines = [
    "Messages",
    messageTable(report.ledger.messages),
    "",
    "Metric values",
    valueTable(report.ledger.values),
    "",
    `Late: ${late.dropped} for their window, ${late.forAlarm} for alarms (stored all the same).`,
  ];
  if (report.storedOnce === false) lines.push("The readings table holds a (source, metric) more than once.");
  for (const m of report.mismatches.slice(0, MISMATCHES_SHOWN)) {
    lines.push(
      `${m.key}: admitted ${m.admitted}, settled ${m.settled}; values expected ${m.valuesExpected}, stored ${m.valuesStored}`,
    );
  }
  const more = report.mismatches.length - MISMATCHES_SHOWN;
  if (more > 0) lines.push(`… and ${more} more devices`);
  lines.push(
    report.balanced
      ? `Balanced: ${report.devices} devices, no difference.`
      : `NOT balanced: ${report.mismatches.length} of ${report.devices} devices differ.`,
  );
  return lines.join("\n");
}

function messageTable(m: LedgerReport["messages"]): string {
  const header = [
    "admitted",
    "=",
    "processed",
    "duplicate",
    "quarantined",
    "dead-lettered",
    "expired",
    "corrupt",
    "in flight",
    "difference",
  ];
  const row = [
    m.admitted,
    "",
    m.processed,
    m.duplicate,
    m.quarantined,
    m.deadLettered,
    m.expired,
    m.corrupt,
    m.inFlight,
    m.difference,
  ];
  return formatTable(header, [row]);
}

function valueTable(v: LedgerReport["values"]): string {
  if (!v.checked) return `${v.produced} produced; not compared with tables, because there are none (--no-clickhouse)`;
  const header = ["produced", "=", "stored", "filtered", "quarantined", "in flight", "difference"];
  return formatTable(header, [[v.produced, "", v.stored, v.filtered, v.quarantined, v.inFlight, v.difference]]);
}
