import { HEADER, isControlRecord } from "../../core/record.ts";
import { parseDeviceKey } from "../../core/ids.ts";
import { parseJson } from "../../core/parse-json.ts";
import { deadLetterSchema } from "../../core/derived-records.ts";
import { TIMER_PREFIX } from "../../engine/state-slots.ts";
import { FunctionStages } from "../../kit/function-stages.ts";
import { oneLine } from "../one-line.ts";
import type { UnitDraft } from "../../engine/stage-partition.ts";
import type { StageFunction } from "../../core/function.ts";
import type { LogRecord, RecordInput } from "../../core/record.ts";
import type { TopicName } from "../../core/topics.ts";

/** What came of one record, as lines for a terminal; none when it passed by every function. */
export interface RecordTrace {
  readonly lines: readonly string[];
  readonly deadLetters: number;
}

/** Runs functions record by record, and tells the path of each: what came in, what went out, what changed in the state, and how long that took. */
export class FunctionTrace {
  private readonly stages: FunctionStages;
  private readonly placesIn: (text: string) => string;
  private readonly states = new Map<string, string>();

  /** `placesIn` says where in the author's files a place of the bundle is. */
  constructor(functions: readonly StageFunction[], placesIn: (text: string) => string) {
    this.stages = new FunctionStages(functions);
    this.placesIn = placesIn;
  }

  trace(record: LogRecord): RecordTrace {
    const begun = performance.now();
    const drafts = this.stages.process(record);
    const micros = Math.round((performance.now() - begun) * 1000);
    const outputs = drafts.flatMap((draft) => this.outputLines(draft));
    const states = drafts.flatMap((draft) => this.stateLines(draft));
    const deadLetters = drafts.reduce((sum, draft) => sum + (draft.outputs.get("dead-letters")?.length ?? 0), 0);
    if (outputs.length + states.length === 0) return { lines: [], deadLetters };
    return { lines: [`${inputText(record)}  ${micros} µs`, ...outputs, ...states], deadLetters };
  }

  private outputLines(draft: UnitDraft): string[] {
    const lines: string[] = [];
    for (const [topic, records] of draft.outputs) {
      for (const record of records) {
        lines.push(`  → ${topic === "dead-letters" ? this.failureText(record) : outputText(topic, record)}`);
      }
    }
    return lines;
  }

  private failureText(record: RecordInput): string {
    const letter = deadLetterSchema.parse(parseJson(record.value));
    const [place = ""] = this.placesIn(letter.stack).split("\n");
    return oneLine(`${letter.function} dead letter: ${letter.errorClass}: ${letter.error} ${place}`);
  }

  /** Of users' functions only: what the engine keeps is its own. */
  private stateLines({ body }: UnitDraft): string[] {
    return body.slots.flatMap(({ fn, key, name, value }) => {
      if (fn.startsWith("$") || name.startsWith(TIMER_PREFIX)) return [];
      const id = `${fn} ${key} ${name}`;
      const before = this.states.get(id) ?? "nothing";
      const now = value ?? "nothing";
      this.states.set(id, now);
      return before === now ? [] : [oneLine(`    ${fn} keeps ${before} → ${now}`)];
    });
  }
}

/** What a join sends to the partition of its key is no result yet. */
function outputText(topic: TopicName, record: RecordInput): string {
  const key = topic === "repartition" ? ` to ${parseDeviceKey(record.key ?? "")?.device ?? "all"}:` : "";
  return `${makerOf(record)}${key} ${valueText(record)}`;
}

function inputText(record: LogRecord): string {
  const time = new Date(record.timestamp).toISOString();
  if (isControlRecord(record)) return `${time} ${record.header(HEADER.controlKind)}`;
  const device = parseDeviceKey(record.key ?? "")?.device ?? "";
  return oneLine(`${time} ${device} ${valueText(record)}`);
}

/** Metrics of a reading; the text of a device event. */
function valueText({ value }: Pick<RecordInput, "value">): string {
  const parsed = parseJson(value);
  if (typeof parsed !== "object" || parsed === null) return "";
  if ("metrics" in parsed) return oneLine(JSON.stringify(parsed.metrics));
  return "detail" in parsed ? oneLine(`event: ${String(parsed.detail)}`) : "";
}

function makerOf({ headers }: RecordInput): string {
  const [, version = ""] = headers.find(([name]) => name === HEADER.functionVersion) ?? [];
  return version.split("@")[0] ?? "";
}
