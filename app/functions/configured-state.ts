import { madeControlRecord } from "../../core/made-record.ts";
import { createStagePartition, type StagePartitionOptions } from "../../engine/stage-partition.ts";
import type { ReferenceTable } from "../../core/reference-table.ts";
import type { RestoredState } from "../../engine/state-restore.ts";
import type { DeviceConfiguration } from "./history/reading-history.ts";

/** The state of a partition that knows types, tables and devices, and has come to this offset. What control records say later goes before it. */
export function configuredState(
  options: StagePartitionOptions,
  { types, devices, tables = [] }: DeviceConfiguration & { readonly tables?: readonly ReferenceTable[] },
  offset: number,
): RestoredState {
  const before = createStagePartition(options);
  const snapshot = { types: [...types], rules: [], tables: [...tables], devices: [...devices] };
  before.process(madeControlRecord(0, 0, { v: 1, kind: "config-snapshot", revision: 0, ...snapshot }));
  const body = before.seal()?.body;
  return { snapshot: [], units: body === undefined ? [] : [{ ...body, next: { offset, step: 0 } }] };
}
