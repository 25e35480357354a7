import { EXIT, formatTable } from "./output.ts";
import type { AuditReport } from "../../core/audit-report.ts";
import type { ApiClient } from "./api-client.ts";

/** `millrace audit`: the ledger, proven per device. Exit code 3 when it does not balance. */
export async function auditCommand(api: ApiClient, options: { json: boolean }): Promise<number> {
  const report = await api.get<AuditReport>("/audit");
  console.log(options.json ? JSON.stringify(report) : formatAudit(report));
  return report.balanced ? EXIT.ok : EXIT.unbalanced;
}

export function formatAudit(report: AuditReport): string {
  const { messages, values } = report.ledger;
  const lines = [
    "Messages",
    formatTable(
      [
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
      ],
      [
        [
          messages.admitted,
          "",
          messages.processed,
          messages.duplicate,
          messages.quarantined,
          messages.deadLettered,
          messages.expired,
          messages.corrupt,
          messages.inFlight,
          messages.difference,
        ],
      ],
    ),
    "",
    "Metric values",
    values.checked
      ? formatTable(
          ["produced", "=", "stored", "filtered", "quarantined", "in flight", "difference"],
          [
            [
              values.produced,
              "",
              values.stored,
              values.filtered,
              values.quarantined,
              values.inFlight,
              values.difference,
            ],
          ],
        )
      : `${values.produced} produced; not compared with tables, because there are none (--no-clickhouse)`,
    "",
    `Late: ${report.ledger.late.dropped} for their window, ${report.ledger.late.forAlarm} for alarms (stored all the same).`,
  ];
  if (report.storedOnce === false) lines.push("The readings table holds a (source, metric) more than once.");
  for (const m of report.mismatches.slice(0, 20)) {
    lines.push(
      `${m.key}: admitted ${m.admitted}, settled ${m.settled}; values expected ${m.valuesExpected}, stored ${m.valuesStored}`,
    );
  }
  if (report.mismatches.length > 20) lines.push(`… and ${report.mismatches.length - 20} more devices`);
  lines.push(
    report.balanced
      ? `Balanced: ${report.devices} devices, no difference.`
      : `NOT balanced: ${report.mismatches.length} of ${report.devices} devices differ.`,
  );
  return lines.join("\n");
}
