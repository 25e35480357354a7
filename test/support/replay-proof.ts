import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import { startInstance, temporaryDirectory } from "./instance.ts";
import { realDataMissing } from "./real-data.ts";
import {
  apiAlarmLines,
  expectOracleAggregates,
  oracleAlarmsOf,
  tableAlarmLines,
  tableDeviceEvents,
  transitionsOf,
} from "./replay-oracle.ts";
import { applyRecording, instanceApi, listAlarms, replayRecording, settled } from "./replay-run.ts";
import { openTables } from "./replay-tables.ts";
import { startAlarmReceiver } from "./webhook-receiver.ts";
import type { AuditReport } from "../../core/audit-report.ts";
import type { AlarmState } from "../../core/registry.ts";
import type { Recording } from "./replay-recordings.ts";
import type { Tables } from "./replay-tables.ts";
import type { AlarmReceiver } from "./webhook-receiver.ts";

const SETTLE_MS = 600_000;

/** Whether replays can be run here, and what to add to the title of a suite that is skipped. */
export function whyNoReplay(): { readonly skip: boolean; readonly why: string } {
  const missing = realDataMissing() ?? (hasChdb() ? null : "the optional package chdb is not installed");
  return { skip: missing !== null, why: missing === null ? "" : ` (skipped: ${missing})` };
}

/** One replay from an empty data directory to the tables, with everything that must hold at its end. */
export async function proveReplay(recording: Recording): Promise<void> {
  const directory = temporaryDirectory();
  const receiver = await startAlarmReceiver();
  const flags = ["--webhook-url", receiver.url];
  let instance = await startInstance({ data: directory.path, flags });
  try {
    const { csv } = await applyRecording(recording, directory.path);
    const { mqtt } = instance.ready;
    const done = await replayRecording(recording, { csv, data: directory.path, mqtt, flush: true });
    const begun = performance.now();
    const api = instanceApi(directory.path);
    const audit = await settled(api, SETTLE_MS);
    const settledSeconds = (performance.now() - begun) / 1000;
    const alarms = await listAlarms(api);
    expect(done.acknowledged).toBe(recording.messages.length);
    expectBalanced(audit, recording);
    expectAlarms(recording, alarms, receiver, done.flushUpTo);
    expect(await instance.stop()).toBe(0);

    const before = await withTables(directory.path, (tables) => expectTables(recording, tables, done.flushUpTo));
    report(recording, { ...done, settledSeconds, ...before, alarms: alarms.length });

    // The tables can be rebuilt from the log: nothing in them is the only copy.
    rmSync(join(directory.path, "clickhouse"), { recursive: true });
    instance = await startInstance({ data: directory.path, flags });
    expectBalanced(await settled(api, SETTLE_MS), recording);
    expect(await instance.stop()).toBe(0);
    const after = await withTables(directory.path, (tables) => countTables(tables));
    expect(after).toEqual(before.counts);
  } finally {
    await instance.kill();
    await receiver.close();
    directory.dispose();
  }
}

export function expectBalanced(audit: AuditReport, recording: Recording): void {
  const { messages, values } = audit.ledger;
  const sent = recording.messages.reduce((sum, message) => sum + Object.keys(message.values).length, 0);
  expect(audit.mismatches).toEqual([]);
  expect(messages).toMatchObject({ processed: recording.messages.length, inFlight: 0, difference: 0 });
  expect(messages).toMatchObject({ quarantined: 0, deadLettered: 0, expired: 0, corrupt: 0 });
  expect(values).toMatchObject({ stored: sent, inFlight: 0, difference: 0, checked: true });
  expect(audit).toMatchObject({ storedOnce: true, balanced: true });
}

export function expectAlarms(
  recording: Recording,
  alarms: readonly AlarmState[],
  receiver: AlarmReceiver,
  flushUpTo: number,
): void {
  expect(apiAlarmLines(alarms)).toEqual(oracleAlarmsOf(recording, flushUpTo).lines);
  expect(receiver.transitions()).toEqual(transitionsOf(alarms));
}

export async function expectTables(
  recording: Recording,
  tables: Tables,
  flushUpTo: number,
): Promise<{ readonly windows: number; readonly counts: string[] }> {
  const counts = await countTables(tables);
  const { windows, lateDropped } = await expectOracleAggregates(recording, tables, flushUpTo);
  const { lines, lateForAlarm } = oracleAlarmsOf(recording, flushUpTo);
  expect(await tableAlarmLines(tables)).toEqual(lines);
  const late = Object.entries({ "late-dropped": lateDropped, "late-for-alarm": lateForAlarm });
  expect(await tableDeviceEvents(tables)).toEqual(Object.fromEntries(late.filter(([, count]) => count > 0)));
  return { windows, counts };
}

const SOURCE = "src_stage, src_partition, src_generation, src_offset, src_step, src_index";
const TABLES = ["readings", "aggregates", "alarm_events", "quarantine", "dead_letters", "device_events"] as const;

/** Rows per table. Every row must come from a source position of its own, in `readings` together with the metric. */
async function countTables(tables: Tables): Promise<string[]> {
  const counts: string[] = [];
  for (const table of TABLES) {
    const source = table === "readings" ? `${SOURCE}, metric` : SOURCE;
    let rows = 0;
    // One partition at a time: all of them at once are more than the embedded ClickHouse has memory for.
    for (const [partition] of await tables.rows(`SELECT DISTINCT src_partition FROM ${table}`)) {
      const where = `WHERE src_partition = ${partition}`;
      const [[count, distinct] = []] = await tables.rows(`SELECT count(), uniqExact(${source}) FROM ${table} ${where}`);
      expect({ table, partition, rows: Number(count) }).toEqual({ table, partition, rows: Number(distinct) });
      rows += Number(count);
    }
    if (table === "aggregates") {
      // A newer revision of a window replaces the older one, now or later.
      const [[windows] = []] = await tables.rows("SELECT count() FROM aggregates FINAL");
      rows = Number(windows);
    }
    counts.push(`${table} ${rows}`);
  }
  return counts;
}

export async function withTables<T>(data: string, use: (tables: Tables) => Promise<T>): Promise<T> {
  const tables = await openTables(data);
  try {
    return await use(tables);
  } finally {
    await tables.close();
  }
}

/** Figures for people, where they are asked for. */
export function report(recording: Recording, figures: object): void {
  if (process.env["MILLRACE_REPORT"] !== undefined) console.log(recording.map, JSON.stringify(figures));
}
