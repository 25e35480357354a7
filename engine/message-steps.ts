import { deviceKey } from "../core/ids.ts";
import { NO_KEY } from "../core/ledger.ts";
import { joinKey } from "./key-state.ts";
import { parseReading, parseRepartitioned } from "./parse-reading.ts";
import { takesRecord } from "./takes-record.ts";
import type { Repartitioned } from "../core/derived-records.ts";
import type { LogRecord } from "../core/record.ts";
import type { StepPace } from "./control-steps.ts";
import type { FunctionRunner } from "./function-runner.ts";
import type { MessageInput } from "./message-input.ts";
import type { KeyState } from "./key-state.ts";
import type { JoinPlace } from "./side-times.ts";
import type { PartitionParts } from "./partition-parts.ts";

/** Runs a message through the stage. False when the unit was full before all of its key's overdue timers had fired. */
export function processMessage(
  parts: PartitionParts,
  runner: FunctionRunner,
  pace: StepPace,
  record: LogRecord,
): boolean {
  const key = parts.store.deviceKey(record.key);
  if (key === null) {
    refuse(parts, runner, record, new TypeError("the record's key names no device"));
  } else if (parts.overdue.value === null && !takesRecord(parts, key, record)) {
    parts.counts.add(NO_KEY, "control", 1);
  } else if (parts.stage.input === "readings") {
    const reading = parseReading(record, key);
    if (reading instanceof Error) refuse(parts, runner, record, reading);
    else return runOnKey(parts, runner, pace, { key, record, reading, joined: null });
  } else if (parts.stage.input === "repartition") {
    return processRepartitioned(parts, runner, pace, record);
  } else {
    return runOnKey(parts, runner, pace, { key, record, reading: null, joined: null });
  }
  return true;
}

/** What is joined has state and time for each key and function. */
function processRepartitioned(
  parts: PartitionParts,
  runner: FunctionRunner,
  pace: StepPace,
  record: LogRecord,
): boolean {
  const value = parseRepartitioned(record);
  const placed = value instanceof Error ? undefined : placeOfJoin(parts, value);
  if (value instanceof Error) refuse(parts, runner, record, value);
  // Of a function that was taken back while what it had sent was under way.
  else if (placed === undefined) parts.counts.add(NO_KEY, "control", 1);
  else return runOnKey(parts, runner, pace, { key: placed.key, record, reading: null, joined: { ...placed, value } });
  return true;
}

/** Undefined when the function is not there. */
export function placeOfJoin(
  { functions, store }: PartitionParts,
  { tenant, device, key, function: name }: Repartitioned,
): (JoinPlace & { readonly key: KeyState }) | undefined {
  const placed = functions.byInput.repartition.find(({ fn }) => fn.name === name);
  if (placed === undefined) return undefined;
  return {
    placed,
    key: store.key(joinKey(deviceKey(tenant, key), name)),
    device: deviceKey(tenant, device),
  };
}

/**
 * Runs a message. When it reaches more of its key's timers than fit into one step, those fire first, each a step of its own, as they
 * would have within it: before the first reading is applied. False when the unit was full before the last of them.
 */
function runOnKey(parts: PartitionParts, runner: FunctionRunner, pace: StepPace, input: MessageInput): boolean {
  const { overdue, queue } = parts;
  const { key } = input;
  for (;;) {
    if (overdue.value !== null) {
      if (!fireTimersOf(parts, runner, pace, key, overdue.value)) return false;
      overdue.set(null);
    }
    const reached = runner.runMessage(input);
    queue.refresh(key);
    if (reached === null) return true;
    overdue.set(reached);
  }
}

function fireTimersOf(
  { queue }: PartitionParts,
  runner: FunctionRunner,
  pace: StepPace,
  key: KeyState,
  upTo: number,
): boolean {
  for (let fired = 0; ; fired += 1) {
    const timer = key.firstTimer;
    if (timer === undefined || timer.at === null || timer.at > upTo) return true;
    if (fired > 0 && pace.isUnitFull()) return false;
    runner.fireTimer(key, timer);
    queue.refresh(key);
    pace.endStep();
  }
}

function refuse({ counts }: PartitionParts, runner: FunctionRunner, record: LogRecord, error: Error): void {
  runner.letters.refuse(record, "$input", error);
  counts.add(record.key ?? NO_KEY, "deadLettered", 1);
}
