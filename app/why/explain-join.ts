import { z } from "zod";
import { parseDeviceKey } from "../../core/ids.ts";
import { isRepartitioned } from "../../core/is-repartitioned.ts";
import { LIMITS } from "../../core/limits.ts";
import { parseJson } from "../../core/parse-json.ts";
import { HEADER, isControlRecord } from "../../core/record.ts";
import { loadCode } from "../functions/check-functions.ts";
import { inProcess, type ProcessWork } from "../functions/in-process.ts";
import { inputsOf, shortened, sourceOf } from "./explained-parts.ts";
import { findJoined, type JoinedOutput } from "./find-joined.ts";
import { KeptRecords } from "./kept-records.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import { heldRange, offsetAtTime, readForward, type WhyLog } from "./read-forward.ts";
import type { FunctionStore } from "../../core/function-store.ts";
import type { LogRecord } from "../../core/record.ts";
import type { ConfigStore, DeviceStore } from "../../core/registry.ts";
import type { ExplainedMessage, Explanation, JoinedQuestion, WhyJoined } from "../../core/why.ts";
import type { DeviceConfiguration } from "../functions/history/reading-history.ts";
import type { JoinAgainAnswer, JoinAgainRequest } from "./join-again.ts";

export interface WhyJoinedSources {
  readonly log: WhyLog;
  readonly registry: {
    readonly functions: Pick<FunctionStore, "code">;
    readonly config: Pick<ConfigStore, "types" | "tables">;
    readonly devices: Pick<DeviceStore, "get">;
  };
}

const RUNNING_AGAIN: ProcessWork = {
  module: new URL("../threads/join-again.ts", import.meta.url),
  what: "its messages",
  done: "run again",
  remedy: {
    late: "Run the join over that time with `millrace backtest`.",
    broken: "Run the join over that time with `millrace backtest`.",
  },
};

/** A device's clock may be so far ahead of ours: nothing of an event time is received earlier. */
const AHEAD_MS = LIMITS.eventTimeAheadMsMax;
const shapeSchema = z.object({ window: z.object({ beforeMs: z.number(), afterMs: z.number() }) });

/**
 * Explains what a join made by making it again. All that it was made of is in the partition of its key, in the order in which it met; which pair it was is told by
 * leaving out each of those that could be it.
 */
export function createWhyJoined(sources: WhyJoinedSources): WhyJoined {
  const turns = new OneAtATime(LIMITS.whyWaitingMax);
  return { explain: (tenant, question) => turns.run(() => explain(sources, tenant, question)) };
}

async function explain(sources: WhyJoinedSources, tenant: string, question: JoinedQuestion): Promise<Explanation> {
  const { log, registry } = sources;
  const output = await findJoined(log, tenant, question);
  const { source, key, functionVersion, topic, value, ts } = output;
  const [name = "", version = ""] = functionVersion.split("@");
  const { code } = await registry.functions.code(name, Number(version));
  const spanMs = await spanOf(name, code);
  const { records, read, isWhole } = await recordsOf(log, output, { name, since: ts - spanMs - AHEAD_MS });
  const request: JoinAgainRequest = {
    function: { name, version: Number(version), code },
    partition: source.partition,
    partitionCount: log.partitionCount,
    key,
    configuration: await configurationOf(registry, key),
    records: records.map(({ offset, timestamp, key: of, value: bytes, headers }) => {
      return { offset, timestamp, key: of, value: bytes, headers: headers() };
    }),
    output: { topic, value },
    // A dead letter does not say at which of the two its pair is: its record may be the earlier one.
    causes: { from: ts - spanMs, to: topic === "readings" ? ts : ts + spanMs },
  };
  const answer = await inProcess<JoinAgainAnswer>(RUNNING_AGAIN, request);
  return explanationOf(output, records, answer, { read, isWhole });
}

/** How far apart the readings of a pair may be. */
async function spanOf(name: string, code: string): Promise<number> {
  const { functions } = await loadCode(code);
  const outline = functions.find((one) => one.name === name);
  const { data } = shapeSchema.safeParse(JSON.parse(outline?.state?.shape ?? "null"));
  if (data === undefined) throw new TypeError(`${name} is explained as a join, and joins nothing`);
  return Math.max(data.window.beforeMs, data.window.afterMs);
}

/** What was sent for the key and the function, control records, and the record that made the output. Deploys are left out: its version is known. */
async function recordsOf(
  log: WhyLog,
  { source, key }: JoinedOutput,
  { name, since }: { readonly name: string; readonly since: number },
) {
  const range = await heldRange(log, source.topic, source.partition);
  const from = await offsetAtTime(log, range, since);
  const kept = new KeptRecords(LIMITS.whyKeptBytesMax);
  const read = await readForward(log, range, { from, to: Math.min(range.end, source.offset + 1) }, (record) => {
    if (record.offset === source.offset || isWanted(record, key, name)) kept.add(record);
    return false;
  });
  // Where the log begins with this time, retention may have deleted records of it.
  return { records: kept.records, read, isWhole: from > range.start || range.start === 0 };
}

function isWanted(record: LogRecord, key: string, name: string): boolean {
  if (isControlRecord(record)) return record.header(HEADER.controlKind) !== "deploy";
  if (record.key !== key) return false;
  const value = parseJson(record.value);
  return isRepartitioned(value) && value.function === name;
}

/** As the registry has it now, under what control records among the messages say. */
async function configurationOf(
  { config, devices }: WhyJoinedSources["registry"],
  key: string,
): Promise<DeviceConfiguration> {
  const { tenant = "", device: id = "" } = parseDeviceKey(key) ?? {};
  const device = await devices.get(tenant, id);
  const { type = null, labels = {} } = device ?? {};
  return {
    types: await config.types(tenant),
    tables: await config.tables(tenant),
    // It was not disabled when this was made.
    devices: device === null ? [] : [{ tenant, id, type, labels: { ...labels }, disabled: false }],
  };
}

function explanationOf(
  { source, functionVersion, madeAt, topic, value }: JoinedOutput,
  records: readonly LogRecord[],
  { messages, before, after, isReproduced }: JoinAgainAnswer,
  { read, isWhole }: { readonly read: number; readonly isWhole: boolean },
): Explanation {
  const causes = messages.filter(({ isCause }) => isCause).length;
  const byOffset = new Map(records.map((record) => [record.offset, record]));
  const explained = messages.flatMap((message) => explainedMessage(message, byOffset.get(message.offset)));
  return {
    output: value,
    topic,
    function: functionVersion,
    madeAt,
    source: sourceOf(source),
    messages: [...shortened(explained)],
    inputs: inputsOf(explained),
    counts: { causes, messages: messages.length, records: read },
    before: { ...before },
    after: { ...after },
    isReproduced,
    notes: [
      ...(isWhole ? [] : ["Retention has deleted older records: some of its messages may be gone."]),
      ...(messages.length > LIMITS.whyMessagesMax
        ? [`Of ${messages.length} messages the first and the last ${LIMITS.whyMessagesMax / 2} are listed.`]
        : []),
      ...(isReproduced
        ? []
        : [
            "These messages, run again, do not give this output: another version has joined some of them, or the key's device, its type or a table was changed since.",
          ]),
    ],
  };
}

function explainedMessage(
  { offset, outcome, isCause }: JoinAgainAnswer["messages"][number],
  record: LogRecord | undefined,
): ExplainedMessage[] {
  const sent = record === undefined ? null : parseJson(record.value);
  if (record === undefined || !isRepartitioned(sent)) return [];
  const { ts, metrics } = sent;
  const payload = Buffer.from(record.value.subarray(0, LIMITS.quarantinePayloadBytesMax)).toString("utf8");
  return [{ offset, received: record.timestamp, isCause, outcome, payload, readings: [{ ts, metrics }] }];
}
