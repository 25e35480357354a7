import { isReading } from "../core/is-reading.ts";
import { LIMITS } from "../core/limits.ts";
import { assertJson } from "./json-check.ts";
import { keyOfRepartitioned } from "./key-of-repartitioned.ts";
import { WHOLE_STEP, tooMuchAtOnce } from "./step-failure.ts";
import type { Reading } from "../core/derived-records.ts";
import type { OutputTopic } from "../core/topics.ts";
import type { WrittenJson } from "../wire/written-json.ts";
import type { FunctionCall } from "./function-call.ts";
import type { PartitionParts } from "./partition-parts.ts";
import type { StepScopes } from "./step-scopes.ts";

/** Where calls put their outputs, and where is noted what fails. */
interface OutputPlace {
  readonly parts: PartitionParts;
  readonly scopes: StepScopes;
}

/** Puts out what a call emits. TypeError for what it may not. */
export function putOutput(place: OutputPlace, call: FunctionCall, topic: OutputTopic, value: object): void {
  requireOutput(call, topic);
  assertJson(value);
  const { outputs } = place.parts;
  const json = JSON.stringify(value);
  if (topic !== "repartition") {
    outputs.pushOf(call, topic, json);
  } else {
    const { receiveTime: timestamp, placed } = call;
    const key = keyOfRepartitioned(call, value);
    outputs.push({ topic, key, timestamp, functionVersion: placed.functionVersion, json });
  }
  requireStepFits(place);
}

/** The same of what writes itself, whose value nobody looks at. */
export function putWritten(place: OutputPlace, call: FunctionCall, topic: OutputTopic, json: WrittenJson): void {
  requireOutput(call, topic);
  place.parts.outputs.pushOf(call, topic, json);
  requireStepFits(place);
}

/** What a call has emitted to `readings`; TypeError when that is no reading of its device. */
export function ownReading(call: FunctionCall, value: object): Reading {
  if (isReading(value) && value.tenant === call.tenant && value.device === call.device) return value;
  throw new TypeError(`${call.placed.fn.name} emits a reading that is none of its device`);
}

function requireOutput({ placed }: FunctionCall, topic: OutputTopic): void {
  if (placed.fn.outputs.includes(topic)) return;
  throw new TypeError(`${placed.fn.name} does not name "${topic}" among its outputs`);
}

/** A loop that never ends must meet this before memory does. */
function requireStepFits({ parts, scopes }: OutputPlace): void {
  if (parts.outputs.stepBytes > LIMITS.stepBytesMax) throw scopes.failed(WHOLE_STEP, tooMuchAtOnce(parts));
}
