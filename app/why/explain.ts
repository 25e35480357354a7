import { isDeepStrictEqual } from "node:util";
import { isMillraceError, MillraceError } from "../../core/errors.ts";
import { parseDeviceKey } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import { isControlRecord } from "../../core/record.ts";
import { isFunctionsStage } from "../../core/functions-stage.ts";
import { JOINS_STAGE, MAIN_REPLAY_STAGE, REPLAY_STAGE } from "../../core/stage.ts";
import { earlierControls } from "./earlier-controls.ts";
import { explainFunction } from "./explain-function.ts";
import { inputsOf, shortened, sourceOf, withoutPlace } from "./explained-parts.ts";
import { findOutput } from "./find-output.ts";
import { heldRange, offsetAtTime, readForward } from "./read-forward.ts";
import { KeptRecords } from "./kept-records.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import { runAgain } from "./run-again.ts";
import type { ControlRecord } from "../../core/control.ts";
import type { AlarmStore, ConfigStore, DeviceStore } from "../../core/registry.ts";
import type { FunctionStore } from "../../core/function-store.ts";
import type { StageDefinition } from "../../core/stage.ts";
import type { ExplainedMessage, Explanation, Why, WhyJoined, WhyQuestion } from "../../core/why.ts";
import type { FoundOutput } from "./find-output.ts";
import type { WhyLog } from "./read-forward.ts";
import type { AgainStep } from "./run-again.ts";

export interface WhySources {
  readonly log: WhyLog;
  readonly stages: readonly StageDefinition[];
  readonly alarms: Pick<AlarmStore, "get">;
  readonly config: Pick<ConfigStore, "types" | "rules" | "tables">;
  readonly devices: Pick<DeviceStore, "get">;
  readonly functions: Pick<FunctionStore, "versions" | "code">;
  /** Explains what joins made. */
  readonly joined: WhyJoined;
}

/** Of LIMITS. */
export interface WhyCeilings {
  readonly whyKeptBytesMax: number;
  readonly whyWaitingMax: number;
}

/**
 * Explains an output by making it again: of the device's records in the log, with the one engine. So nothing needs to be kept of how an
 * output came about, and an explanation that does not give the output says so.
 * One at a time: whatever else its thread does goes on beside it.
 */
export function createWhy(sources: WhySources, ceilings: WhyCeilings = LIMITS): Why {
  const turns = new OneAtATime(ceilings.whyWaitingMax);
  return { explain: (tenant, question) => turns.run(() => explain(sources, ceilings, tenant, question)) };
}

async function explain(
  sources: WhySources,
  { whyKeptBytesMax }: WhyCeilings,
  tenant: string,
  question: WhyQuestion,
): Promise<Explanation> {
  const output = await findOutput(sources, tenant, question);
  const { source } = output;
  if (source.stage === JOINS_STAGE.name && question.kind === "reading") return sources.joined.explain(tenant, question);
  if (isFunctionsStage(source.stage)) {
    const ofFunction = { whyRecordsMax: LIMITS.whyRecordsMax, whyKeptBytesMax };
    return explainFunction(sources, output, await configurationBefore(sources, output.key), ofFunction);
  }
  const stage = sources.stages.find(({ name, input }) => name === source.stage && input === source.topic);
  if (stage === undefined) throw ofOtherStage(source.stage);
  const { records, read, isWhole } = await recordsOf(sources.log, output, whyKeptBytesMax);
  const [name = ""] = output.functionVersion.split("@");
  const again = {
    stage,
    partition: source.partition,
    key: output.key,
    function: name,
    configuration: await configurationBefore(sources, output.key),
  };
  const explained = explanationOf(output, await runAgain(records, again), { read, isWhole });
  if (explained.isReproduced) return explained;
  // Types and rules may have been others. That is looked for only then, because it may lie far back.
  const of = { before: records[0]?.offset ?? 0, bytesMax: whyKeptBytesMax };
  const controls = await earlierControls(sources.log, output, of).catch((error: unknown) => {
    // They are more than may be kept, or take too long to read: what is known is said.
    if (isMillraceError(error)) return [];
    throw error;
  });
  if (controls.length === 0) return explained;
  return explanationOf(output, await runAgain([...controls, ...records], again), { read, isWhole });
}

function ofOtherStage(stage: string): MillraceError {
  if (stage === MAIN_REPLAY_STAGE) {
    const text = "a replay has corrected this window since, and only what was made live is explained";
    return new MillraceError("INVALID_INPUT", text, {
      remedy:
        "`millrace replay aggregate --dry-run` over its time makes it again, and says whether it is as it should be.",
    });
  }
  const text =
    stage === REPLAY_STAGE
      ? "a replay has put this in the place of what was there before, and what replays made is not explained"
      : `what stage ${stage} made is not explained`;
  return new MillraceError("INVALID_INPUT", text, {
    remedy: "Run the function over that time with `millrace backtest`: it shows what it makes of which readings.",
  });
}

/** The device's records that may have had a part in it, the control records between them, and the record that made it. */
async function recordsOf(log: WhyLog, { source, key, since }: FoundOutput, bytesMax: number) {
  const range = await heldRange(log, source.topic, source.partition);
  const from = await offsetAtTime(log, range, since);
  const kept = new KeptRecords(bytesMax);
  const read = await readForward(log, range, { from, to: Math.min(range.end, source.offset + 1) }, (record) => {
    if (record.key === key || record.offset === source.offset || isControlRecord(record)) kept.add(record);
    return false;
  });
  // Where the log begins with this time, retention may have deleted records of it.
  return { records: kept.records, read, isWhole: from > range.start || range.start === 0 };
}

/** As the registry has it now, under everything that control records among the messages say. */
async function configurationBefore({ config, devices }: WhySources, key: string): Promise<ControlRecord> {
  const { tenant = "", device: id = "" } = parseDeviceKey(key) ?? {};
  const device = await devices.get(tenant, id);
  const { type = null, labels = {} } = device ?? {};
  return {
    v: 1,
    kind: "config-snapshot",
    revision: 0,
    types: [...(await config.types(tenant))],
    rules: [...(await config.rules(tenant))],
    tables: [...(await config.tables(tenant))],
    // It was not disabled when this was made.
    devices: device === null ? [] : [{ tenant, id, type, labels: { ...labels }, disabled: false }],
  };
}

function explanationOf(
  output: FoundOutput,
  steps: readonly AgainStep[],
  { read, isWhole }: { readonly read: number; readonly isWhole: boolean },
): Explanation {
  const { source, functionVersion, madeAt, topic, value } = output;
  const made = steps.find((step) => step.outputs.some((one) => one.topic === topic && output.isSame(one.value)));
  const again = made?.outputs.find((one) => one.topic === topic && output.isSame(one.value))?.value;
  const isReproduced = again !== undefined && isDeepStrictEqual(withoutPlace(again), withoutPlace(value));
  const messages = steps.filter(({ outcome }) => outcome !== null);
  const last = made ?? steps.at(-1);
  return {
    output: value,
    topic,
    function: functionVersion,
    madeAt,
    source: sourceOf(source),
    messages: shortened(messages).flatMap((step) => explainedMessage(output, step)),
    inputs: inputsOf(
      messages.map((step) => {
        const { offset, timestamp: received } = step.record;
        return { offset, received, isCause: isCause(output, step) };
      }),
    ),
    counts: {
      causes: messages.filter((step) => isCause(output, step)).length,
      messages: messages.length,
      records: read,
    },
    before: { ...last?.before },
    after: { ...last?.after },
    isReproduced,
    notes: notesOf({ isWhole, isReproduced, isFound: again !== undefined, messages }),
  };
}

function isCause(output: FoundOutput, { record, readings }: AgainStep): boolean {
  const isOwn = output.topic === "dead-letters" && record.offset === output.source.offset;
  return isOwn || readings.some((reading) => output.isCause(reading));
}

function explainedMessage(output: FoundOutput, step: AgainStep): ExplainedMessage[] {
  const { record, outcome, readings } = step;
  if (outcome === null) return [];
  return [
    {
      offset: record.offset,
      received: record.timestamp,
      isCause: isCause(output, step),
      outcome,
      payload: Buffer.from(record.value.subarray(0, LIMITS.quarantinePayloadBytesMax)).toString("utf8"),
      readings: readings.map(({ ts, metrics }) => ({ ts, metrics })),
    },
  ];
}

function notesOf(of: {
  readonly isWhole: boolean;
  readonly isReproduced: boolean;
  readonly isFound: boolean;
  readonly messages: readonly AgainStep[];
}): string[] {
  const notes: string[] = [];
  if (!of.isWhole) notes.push("Retention has deleted older records: some of its messages may be gone.");
  if (of.messages.length > LIMITS.whyMessagesMax) {
    notes.push(`Of ${of.messages.length} messages the first and the last ${LIMITS.whyMessagesMax / 2} are listed.`);
  }
  if (!of.isReproduced) {
    notes.push(
      of.isFound
        ? "These messages, run again, give another value: the state from before them, or a rule or type that was changed since, has a part in it."
        : "These messages, run again, do not give this output: a rule or type was changed since, or messages from before them have a part in it.",
    );
  }
  return notes;
}
