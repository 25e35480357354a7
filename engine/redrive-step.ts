import { madeRecord } from "../core/made-record.ts";
import { deviceKey } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { placeOfJoin } from "./message-steps.ts";
import { parseReading, parseRepartitioned } from "./parse-reading.ts";
import type { ControlRecord } from "../core/control.ts";
import type { DeviceEvent } from "../core/derived-records.ts";
import type { LogRecord } from "../core/record.ts";
import type { FunctionRunner } from "./function-runner.ts";
import type { KeyState } from "./key-state.ts";
import type { PartitionParts } from "./partition-parts.ts";
import type { FunctionState } from "./function-state.ts";

/** Keeps, by dead letter, the last attempt: one that was asked for twice is run once. */
const REDRIVE_FUNCTION = "$redrive";

type RedriveControl = Extract<ControlRecord, { kind: "redrive" }>;

/**
 * Runs the record of a dead letter again: on the function that failed on it, and on those that its readings go on to. Where the whole
 * record was undone, because the function does not read the stage's own topic, on all. What comes of it is as of now: state has gone on
 * meanwhile, and a window may have closed. Throws when there is no such function.
 */
export function redrive(parts: PartitionParts, runner: FunctionRunner, control: RedriveControl): void {
  if (control.stage !== parts.stage.name) return;
  const { tenant, device, function: name, attempt, source } = control;
  const key = parts.store.key(deviceKey(tenant, device));
  const slots = key.functionState(REDRIVE_FUNCTION);
  const letter = `${name} ${source.topic}/${source.partition}/${source.offset}`;
  const last = slots.get(letter);
  // What a removed device has sent is gone; one that is disabled may come back, and its letter is still there.
  if ((typeof last === "number" && last >= attempt) || !parts.config.of(key).accepted) return;
  const record = originalOf(control);
  const only = startOf(parts, name);
  const run = runOf(parts, runner, key, record);
  // Only what can be run counts as an attempt: the same one may come again once its function is back.
  slots.set(letter, attempt);
  forgetOldest(slots, letter);
  runner.redrive(record, only, run);
  const edited = control.editedBy === undefined ? "" : `, edited by ${control.editedBy}`;
  tellOf(parts, key, `${letter} attempt ${attempt}${edited}`, record.timestamp, runner);
}

/** What runs the record, by what its stage reads. Throws when that is no record of its topic. */
function runOf(parts: PartitionParts, runner: FunctionRunner, key: KeyState, record: LogRecord): () => void {
  const { queue, stage } = parts;
  if (stage.input === "repartition") {
    const value = parsed(parseRepartitioned(record));
    const place = placeOfJoin(parts, value);
    if (place === undefined) throw new TypeError(`there is no function "${value.function}" any more that could join`);
    return () => {
      runner.runMessage({ key: place.key, record, reading: null, joined: { ...place, value } });
      queue.refresh(place.key);
    };
  }
  const reading = stage.input === "readings" ? parsed(parseReading(record, key)) : null;
  if (reading !== null && (reading.tenant !== key.tenant || reading.device !== key.device))
    throw new TypeError("the reading to be run again is another device's");
  return () => {
    runner.runMessage({ key, record, reading, joined: null });
    queue.refresh(key);
  };
}

function parsed<Value>(value: Value | Error): Value {
  if (value instanceof Error) throw value;
  return value;
}

/** Makes room for the letter, whose own attempt stays: the letter of the oldest record goes. */
function forgetOldest(slots: FunctionState, letter: string): void {
  const others = slots.names().filter((name) => name !== letter);
  if (others.length < LIMITS.redrivesPerDeviceMax) return;
  const oldest = others.reduce((one, other) => (offsetOf(other) < offsetOf(one) ? other : one));
  slots.delete(oldest);
}

function offsetOf(letter: string): number {
  return Number(letter.slice(letter.lastIndexOf("/") + 1));
}

/** The one function that reads the record by itself; null for all. */
function startOf({ stage, functions }: PartitionParts, name: string): string | null {
  if (name.startsWith("$")) return null;
  const placed = functions.byName.get(name);
  if (placed === undefined) throw new TypeError(`there is no function "${name}" any more that could be run again`);
  return placed.fn.input === stage.input ? name : null;
}

function originalOf({ source, received, tenant, device, headers, payload }: RedriveControl): LogRecord {
  return madeRecord({
    offset: source.offset,
    timestamp: received,
    key: deviceKey(tenant, device),
    value: Buffer.from(payload, "base64"),
    headers,
  });
}

function tellOf(
  { outputs }: PartitionParts,
  key: KeyState,
  detail: string,
  received: number,
  { receiveTime }: FunctionRunner,
): void {
  const { tenant, device } = key;
  const event: DeviceEvent = { v: 1, tenant, device, kind: "redriven", ts: received, received: receiveTime, detail };
  const json = JSON.stringify(event);
  const functionVersion = `${REDRIVE_FUNCTION}@1`;
  outputs.push({ topic: "device-events", key: key.key, timestamp: receiveTime, functionVersion, json });
}
