import { compareBytes } from "./byte-order.ts";
import { adoptCanary, dropCanary, hasCanaryState } from "./canary-state.ts";
import { engineIdentity } from "./dead-letter.ts";
import { controlSchema } from "../core/control.ts";
import { isMillraceError } from "../core/errors.ts";
import { deviceKey } from "../core/ids.ts";
import { HEADER } from "../core/record.ts";
import { parseSourcePosition } from "../core/source-position.ts";
import { redrive } from "./redrive-step.ts";
import { flushSides } from "./side-times.ts";
import type { ControlRecord } from "../core/control.ts";
import type { DeviceEvent } from "../core/derived-records.ts";
import type { LogRecord } from "../core/record.ts";
import type { FunctionRunner } from "./function-runner.ts";
import type { KeyState } from "./key-state.ts";
import type { PartitionParts, Sweep } from "./partition-parts.ts";

/** The name under which the engine's own outputs stand. */
const CONTROL_FUNCTION = "$control";
const CONTROL_VERSION = engineIdentity(CONTROL_FUNCTION).functionVersion;

const WHOLE_PARTITION: Sweep = {
  tenant: null,
  key: null,
  type: null,
  changes: [],
  flushUpTo: null,
  after: null,
  done: false,
};

/**
 * Begins a control record: configuration is changed at once, and a sweep is left behind when keys must be told. A record that is no
 * control record becomes a dead letter: a mistake of a writer must not stop a partition.
 */
export function beginControl(parts: PartitionParts, runner: FunctionRunner, record: LogRecord): void {
  const control = parseControl(record);
  if (control instanceof Error) {
    runner.letters.refuse(record, CONTROL_FUNCTION, control);
    return;
  }
  try {
    if (control.kind === "redrive") redrive(parts, runner, control);
    const sweep = sweepOf(parts, control, record);
    if (sweep !== null) parts.sweep.set(sweep);
  } catch (error) {
    // Damaged state is nobody's dead letter: it ends the stage.
    if (isMillraceError(error, "STATE_INVALID")) throw error;
    // Else a function's code does not load, or there is nothing to run again: what ran before runs on.
    runner.letters.refuse(record, CONTROL_FUNCTION, error);
  }
}

/** How the steps of a record go by: each key of a sweep is one, and a unit may end after any. */
export interface StepPace {
  isUnitFull(): boolean;
  endStep(): void;
}

/** Goes on with the sweep in key-byte order, at least one key further. True when no key is left, false when the unit was full before. */
export function continueSweep(parts: PartitionParts, runner: FunctionRunner, pace: StepPace): boolean {
  const sweep = parts.sweep.value;
  if (sweep === null || sweep.done) return true;
  let last: string | null = null;
  for (const key of keysOf(parts, sweep)) {
    if (sweep.after !== null && compareBytes(key.key, sweep.after) <= 0) continue;
    // Also to see whether it is concerned what was put away of a key may have to come back.
    if (last !== null && pace.isUnitFull()) {
      parts.sweep.set({ ...sweep, after: last });
      return false;
    }
    last = key.key;
    if (!concerns(parts, sweep, key)) continue;
    sweepKey(parts, runner, sweep, key);
    pace.endStep();
  }
  return true;
}

/** A flush that is over here goes on: the readings that it is to be behind lie before it, whenever they were made. */
export function passFlushOn({ stage, functions, outputs }: PartitionParts, runner: FunctionRunner, sweep: Sweep): void {
  if (stage.flushes === undefined || sweep.flushUpTo === null || !functions.writesTo(stage.flushes)) return;
  const devices = sweep.keys === undefined ? {} : { devices: sweep.keys };
  const control: ControlRecord = { v: 1, kind: "flush", upTo: sweep.flushUpTo, ...devices };
  outputs.push({
    topic: stage.flushes,
    key: null,
    timestamp: runner.receiveTime,
    functionVersion: CONTROL_VERSION,
    json: JSON.stringify(control),
    controlKind: "flush",
  });
}

function sweepOf(parts: PartitionParts, control: ControlRecord, record: LogRecord): Sweep | null {
  switch (control.kind) {
    case "flush":
      return flushSweep(parts, control, record);
    case "device-type": {
      const { tenant, id } = control.type;
      return parts.config.apply(control) ? { ...WHOLE_PARTITION, tenant, type: id, changes: ["type"] } : null;
    }
    case "alarm-rule":
      return parts.config.apply(control)
        ? { ...WHOLE_PARTITION, tenant: control.rule.tenant, changes: ["rules"] }
        : null;
    case "device": {
      const key = deviceKey(control.device.tenant, control.device.id);
      return parts.config.apply(control) ? { ...WHOLE_PARTITION, key, changes: ["type", "rules"] } : null;
    }
    case "reference-table":
      // Functions ask for rows when they need them; what they have made of older ones stands.
      parts.config.apply(control);
      return null;
    case "config-snapshot":
      return parts.config.apply(control) ? { ...WHOLE_PARTITION, changes: ["type", "rules"] } : null;
    case "deploy":
      return deploySweep(parts, control);
    case "tick":
    case "redrive":
    case "operator-action":
      // A tick has done its work with its timestamp, a redrive is run. The last is fixed as a record kind and has no effect on state yet.
      return null;
  }
}

/** What is joined lies under other keys than those of the devices that a flush names. */
function flushSweep(
  parts: PartitionParts,
  { upTo, devices }: Extract<ControlRecord, { kind: "flush" }>,
  record: LogRecord,
): Sweep | null {
  if (parts.stage.input !== "repartition") {
    const keys = devices === undefined ? {} : { keys: devices.toSorted(compareBytes) };
    return { ...WHOLE_PARTITION, flushUpTo: upTo, ...keys };
  }
  if (devices !== undefined) return { ...WHOLE_PARTITION, flushUpTo: upTo, flushOf: devices };
  const flushUpTo = passedByAll(parts, upTo, record);
  return flushUpTo === null ? null : { ...WHOLE_PARTITION, flushUpTo };
}

/** Up to where every partition has passed a flush on: readings of the others are still to come before it. Null before that. */
function passedByAll(
  { passedFlushes, partitionCount }: PartitionParts,
  upTo: number,
  record: LogRecord,
): number | null {
  const source = parseSourcePosition(record.header(HEADER.source) ?? "");
  if (source === null) return upTo;
  const before: Readonly<Record<string, number>> = passedFlushes.value ?? {};
  const passed: Readonly<Record<string, number>> = {
    ...before,
    [source.partition]: Math.max(before[source.partition] ?? 0, upTo),
  };
  passedFlushes.set(passed);
  const all = Object.values(passed);
  return all.length < partitionCount ? null : Math.min(...all);
}

/**
 * Null unless the function is taken back, whose state is erased with its canary's, or a canary has come to its end, whose state is then the
 * function's or is erased.
 */
function deploySweep(parts: PartitionParts, control: Extract<ControlRecord, { kind: "deploy" }>): Sweep | null {
  if (control.stage !== parts.stage.name) return null;
  const done = parts.calls.run(() => parts.functions.deploy(control));
  if (done === null) return null;
  for (const key of parts.store.inKeyOrder()) parts.queue.refresh(key);
  const of = control.function.name;
  const canary = done.canary === null ? {} : { canary: { of, end: done.canary } };
  if (control.removed) return { ...WHOLE_PARTITION, forget: of, ...canary };
  return done.canary === null ? null : { ...WHOLE_PARTITION, ...canary };
}

function keysOf(parts: PartitionParts, sweep: Sweep): readonly KeyState[] {
  if (sweep.keys !== undefined) return sweep.keys.map((key) => parts.store.key(key));
  if (sweep.key === null) return parts.store.inKeyOrder();
  const own = parts.store.key(sweep.key);
  if (parts.stage.input !== "repartition") return [own];
  return parts.store.inKeyOrder().filter(({ deviceKey: key }) => key === sweep.key);
}

function concerns(parts: PartitionParts, sweep: Sweep, key: KeyState): boolean {
  if (key.tenant === "") return false;
  if (sweep.canary !== undefined && hasCanaryState(key, sweep.canary.of)) return true;
  if (sweep.forget !== undefined) return key.hasStateOf(sweep.forget);
  if (sweep.canary !== undefined) return false;
  // A device that is named is told of its removal even if nothing of it is left here: its quarantine is elsewhere.
  if (key.isErased()) return sweep.key !== null && key.joinedBy === null && parts.config.of(key).removed;
  if (sweep.tenant !== null && key.tenant !== sweep.tenant) return false;
  return sweep.type === null || parts.config.typeIdOf(key.deviceKey) === sweep.type;
}

function sweepKey(parts: PartitionParts, runner: FunctionRunner, sweep: Sweep, key: KeyState): void {
  if (sweep.forget !== undefined || sweep.canary !== undefined) {
    if (sweep.canary?.end === "becomes-live") adoptCanary(key, sweep.canary.of);
    else if (sweep.canary !== undefined) dropCanary(key, sweep.canary.of);
    if (sweep.forget !== undefined && key.joinedBy === sweep.forget) key.erase();
    else if (sweep.forget !== undefined) key.forget(sweep.forget);
    parts.queue.refresh(key);
    return;
  }
  if (sweep.flushUpTo !== null) flushKey(parts, key, sweep);
  if (parts.config.of(key).removed) {
    runner.changeConfig(key, "device-removed");
    key.erase();
    if (key.joinedBy === null) {
      parts.counts.filterStored(key.deviceKey);
      emitRemoved(parts, runner, key);
    }
  } else {
    for (const change of sweep.changes) runner.changeConfig(key, change);
  }
  parts.queue.refresh(key);
}

/** The last output of a removed device: whoever keeps what came before it erases that. */
function emitRemoved({ outputs }: PartitionParts, runner: FunctionRunner, { key, tenant, device }: KeyState): void {
  const received = runner.receiveTime;
  const event: DeviceEvent = { v: 1, tenant, device, kind: "removed", ts: received, received, detail: "" };
  const json = JSON.stringify(event);
  outputs.push({ topic: "device-events", key, timestamp: received, functionVersion: CONTROL_VERSION, json });
}

function flushKey(parts: PartitionParts, key: KeyState, { flushUpTo: upTo, flushOf }: Sweep): void {
  if (upTo === null) return;
  if (key.sides !== null) {
    const flushed = key.sides.value === null ? null : flushSides(key.sides.value, upTo, flushOf ?? null);
    if (flushed !== null) key.sides.set(flushed);
    return;
  }
  key.time.flush(upTo, parts.partitionTime.value ?? 0);
}

function parseControl(record: LogRecord): ControlRecord | Error {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(record.value);
    return controlSchema.parse(JSON.parse(text));
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
