import type { Counter, Gauge, Metrics } from "../../core/metrics.ts";

export interface SinkCounters {
  inserted(table: string, rows: number): void;
  readonly repeats: Counter;
  readonly bad: Counter;
  readonly corrupt: Counter;
  readonly failures: Counter;
  readonly missed: Counter;
  readonly plansLost: Counter;
  readonly pendingRows: Gauge;
  readonly rollupBuckets: Counter;
}

interface TableCounters {
  readonly inserts: Counter;
  readonly rows: Counter;
}

export function createSinkCounters(metrics: Metrics): SinkCounters {
  const tables = new Map<string, TableCounters>();
  const countersOf = (table: string): TableCounters => {
    const known = tables.get(table);
    if (known !== undefined) return known;
    const made = {
      inserts: metrics.counter("millrace_clickhouse_inserts_total", "Inserts into ClickHouse that succeeded.", {
        table,
      }),
      rows: metrics.counter("millrace_clickhouse_rows_total", "Rows inserted into ClickHouse.", { table }),
    };
    tables.set(table, made);
    return made;
  };
  return {
    inserted(table, count) {
      const { inserts, rows } = countersOf(table);
      inserts.add();
      rows.add(count);
    },
    repeats: metrics.counter(
      "millrace_clickhouse_repeats_total",
      "Records dropped as repeats by their source position.",
    ),
    bad: metrics.counter(
      "millrace_clickhouse_bad_records_total",
      "Records without rows, because their value has not its topic's shape.",
    ),
    corrupt: metrics.counter(
      "millrace_clickhouse_corrupt_records_total",
      "Records that the log could not read any more.",
    ),
    missed: metrics.counter(
      "millrace_clickhouse_missed_total",
      "Records that retention deleted before they were read.",
    ),
    plansLost: metrics.counter(
      "millrace_clickhouse_plans_lost_total",
      "Inserts under way whose records retention deleted before they could be repeated.",
    ),
    failures: metrics.counter("millrace_clickhouse_failures_total", "Times the sink started over after an error."),
    rollupBuckets: metrics.counter(
      "millrace_clickhouse_rollup_buckets_total",
      "Minutes of devices whose roll-ups were computed, again or for the first time.",
    ),
    pendingRows: metrics.gauge("millrace_clickhouse_pending_rows", "Rows read from the log and not yet in ClickHouse."),
  };
}
