import { HEADER } from "../core/record.ts";
import { parseSourcePosition } from "../core/source-position.ts";
import type { LogRecord } from "../core/record.ts";
import type { SourcePosition } from "../core/source-position.ts";
import type { KeyState } from "./key-state.ts";
import type { PartitionParts, Taken } from "./partition-parts.ts";

/**
 * Whether a stage runs this record. One with a source runs what that stage made, once, of devices that may report: on Kafka records come again
 * after a crash, and what was made of a removed device may come behind its removal.
 */
export function takesRecord({ stage, config, taken }: PartitionParts, key: KeyState, record: LogRecord): boolean {
  if (stage.source === undefined) return true;
  const source = parseSourcePosition(record.header(HEADER.source) ?? "");
  if (source?.stage !== stage.source || !isNew(taken.value ?? {}, source)) return false;
  const { generation, offset, step, index } = source;
  taken.set({ ...taken.value, [laneOf(source)]: [generation, offset, step, index] });
  return config.of(key).accepted;
}

function isNew(all: Taken, source: SourcePosition): boolean {
  const last = all[laneOf(source)];
  if (last === undefined) return true;
  const { generation, offset, step, index } = source;
  return (generation - last[0] || offset - last[1] || step - last[2] || index - last[3]) > 0;
}

function laneOf({ topic, partition }: SourcePosition): string {
  return `${topic} ${partition}`;
}
