import { createWhy } from "../../app/why/explain.ts";
import { functionsStage } from "../../core/functions-stage.ts";
import { MillraceError } from "../../core/errors.ts";
import { HEADER, type RecordInput } from "../../core/record.ts";
import { loadFunctions } from "../../runtime/load-functions.ts";
import { createMemoryEventLog, type MemoryEventLog } from "./memory-event-log.ts";
import { runStage } from "./stage-run.ts";
import { all } from "./why-story.ts";
import type { ControlRecord } from "../../core/control.ts";
import type { FunctionVersionInfo } from "../../core/function-store.ts";
import type { Why } from "../../core/why.ts";

export const T0 = Date.UTC(2026, 0, 1);
const SECOND = 1000;

/** Counts what it has seen, in slots of its own; begins anew at ten. */
export const counting = (by: number, before = ""): string => `
const { defineStream, z } = require("millrace/function");
exports.fn = defineStream({
  name: "counting",
  input: z.object({ n: z.number() }),
  state: z.object({ count: z.number() }),
  initial: () => ({ count: 0 }),
  process({ metrics: { n } }, { count }) {
    ${before}
    return { state: { count: count + ${by} }, emit: { counted: count + ${by} } };
  },
});`;

export function deploy(version: number, code: string, canary?: { version: number; code: string }): ControlRecord {
  return {
    v: 1,
    kind: "deploy",
    revision: version + (canary?.version ?? 0),
    stage: "functions",
    removed: false,
    function: { name: "counting", version, hash: `${version}`, code },
    ...(canary && { canary: { ...canary, hash: "00000000", share: 10_000 } }),
  };
}

/** A number that device `a` (or `b`, where it is below zero) has sent, or a control record: one each second. */
export type Told = number | ControlRecord;

/** The log of readings, with all that the stage has made of what was told, and what asks why. */
export async function functionsLog(told: readonly Told[]): Promise<MemoryEventLog> {
  const log = createMemoryEventLog({ partitionCount: 1 });
  log.appendNow("readings", 0, told.map(recordOf));
  const run = runStage(await all(log, "readings"), { stage: functionsStage("functions"), load: loadFunctions });
  for (const [topic, records] of run.outputs) log.appendNow(topic, 0, records);
  return log;
}

function recordOf(told: Told, index: number): RecordInput {
  const timestamp = T0 + index * SECOND;
  if (typeof told !== "number") {
    return { timestamp, key: null, value: bytes(told), headers: [[HEADER.controlKind, told.kind]] };
  }
  const device = told < 0 ? "b" : "a";
  const value = { v: 1, tenant: "t", device, ts: timestamp, received: timestamp, metrics: { n: told } };
  const headers = [
    [HEADER.source, `main telemetry 0 0 ${index} 0 0`],
    [HEADER.functionVersion, "clean@1"],
  ] as const;
  return { timestamp, key: `t/${device}`, value: bytes(value), headers };
}

const bytes = (value: object): Uint8Array => Buffer.from(JSON.stringify(value));

/** `codes`: what the registry has of the function, by version. */
export function whyOfFunctions(
  log: MemoryEventLog,
  codes: Readonly<Record<number, string>>,
  kind: FunctionVersionInfo["kind"] = "stream",
): Why {
  const gone = (): never => {
    throw new MillraceError("NOT_FOUND", "there is no such function");
  };
  return createWhy({
    log,
    stages: [],
    alarms: { get: async () => null },
    joined: { explain: gone },
    config: { types: async () => [], rules: async () => [], tables: async () => [] },
    devices: { get: async () => null },
    functions: {
      async versions(name = "") {
        const known = Object.entries(codes);
        if (known.length === 0) return gone();
        return known.map(([version, code]) => {
          const of = { name, version: Number(version), kind, hash: version, codeBytes: code.length };
          return { ...of, createdAt: 0, createdBy: "", live: true, stage: "functions" };
        });
      },
      code: async (name, version) => {
        const code = codes[version ?? 0] ?? gone();
        return { name, version: version ?? 0, hash: String(version), code };
      },
    },
  });
}
