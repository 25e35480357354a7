import { MillraceError } from "../../core/errors.ts";
import { EXIT, counted, formatTable } from "./output.ts";
import { excerpt } from "./excerpt.ts";
import { parseTimeText } from "./time-text.ts";
import type { ExplainedMessage, Explanation } from "../../core/why.ts";
import type { ApiClient } from "./api-client.ts";

export interface WhyOptions {
  readonly json: boolean;
  readonly cleared?: boolean;
  readonly size: string;
  /** Of a dead letter: whose. */
  readonly function?: string;
}

/** `millrace why alarm ID`, `why aggregate DEVICE METRIC START`, `why reading DEVICE METRIC TIME`, `why event DEVICE TIME`, `why dead-letter TOPIC/PARTITION/OFFSET`. */
export async function whyCommand(
  api: ApiClient,
  what: string,
  of: readonly string[],
  options: WhyOptions,
): Promise<number> {
  const explanation = await api.get<Explanation>(pathOf(what, of, options));
  console.log(options.json ? JSON.stringify(explanation) : formatExplanation(explanation));
  return EXIT.ok;
}

function pathOf(what: string, of: readonly string[], { cleared = false, size, function: name }: WhyOptions): string {
  const [first = "", second, third] = of;
  if (what === "alarm" && of.length === 1) {
    return `/alarms/${encodeURIComponent(first)}/why?transition=${cleared ? "cleared" : "raised"}`;
  }
  if (what === "aggregate" && second !== undefined && third !== undefined && of.length === 3) {
    const query = new URLSearchParams({ metric: second, start: String(parseTimeText(third)), size });
    return `/devices/${encodeURIComponent(first)}/aggregates/why?${query.toString()}`;
  }
  if (what === "reading" && second !== undefined && third !== undefined && of.length === 3) {
    const query = new URLSearchParams({ metric: second, ts: String(parseTimeText(third)) });
    return `/devices/${encodeURIComponent(first)}/readings/why?${query.toString()}`;
  }
  if (what === "event" && second !== undefined && of.length === 2) {
    return `/devices/${encodeURIComponent(first)}/events/why?ts=${parseTimeText(second)}`;
  }
  if (what === "dead-letter" && /^[a-z-]+\/\d+\/\d+$/.test(first) && of.length === 1) {
    const query = name === undefined ? "" : `?${new URLSearchParams({ function: name }).toString()}`;
    return `/dead-letters/${first}/why${query}`;
  }
  throw new MillraceError("INVALID_INPUT", faultOf(what, of), {
    remedy: `Write: ${Object.values(FORMS).join(", ")}; \`millrace query\` lists them.`,
  });
}

/** How each kind of output is named. */
const FORMS: Readonly<Record<string, string>> = {
  alarm: "why alarm ID",
  aggregate: "why aggregate DEVICE METRIC START",
  reading: "why reading DEVICE METRIC TIME",
  event: "why event DEVICE TIME",
  "dead-letter": "why dead-letter TOPIC/PARTITION/OFFSET",
};

function faultOf(what: string, of: readonly string[]): string {
  const given = `"${["why", what, ...of].join(" ")}"`;
  const form = Object.hasOwn(FORMS, what) ? FORMS[what] : undefined;
  if (form === undefined) return `${given} names no output`;
  const wanted = form.split(" ").length - 2;
  return of.length < wanted ? `${given} says too little: ${form}` : `${given} names no output: ${form}`;
}

export function formatExplanation(e: Explanation): string {
  const { topic, partition, offset, step } = e.source;
  const causes = e.messages.filter(({ isCause }) => isCause);
  const lines = [
    headline(e),
    "",
    `Made by      ${e.function}, at ${time(e.madeAt)}, from ${topic}/${partition}/${offset}${step > 0 ? ` (step ${step}: a timer)` : ""}`,
    `Made of      ${madeOf(e)}`,
    ...inputLine(e),
    `Proof        ${e.isReproduced ? "these messages, run again, give this very output" : "NOT reproduced"}`,
    ...e.notes.map((note) => `Note         ${note}`),
    "",
    ...messageLines(causes.length > 0 ? causes : e.messages.slice(-CONTEXT)),
    "",
    ...stateLines(e),
  ];
  return lines.join("\n");
}

/** An alarm of silence is made of what did not come. */
function madeOf({ counts: { causes, messages }, messages: listed }: Explanation): string {
  const what = causes === 0 ? "no message" : counted(causes, "message");
  const last = causes === 0 && listed.length > 0 ? ": the last ones before it are below" : "";
  return `${what} of ${messages} of the device that were looked at${last}`;
}

function inputLine({ inputs, source: { topic, partition } }: Explanation): string[] {
  if (inputs === null) return [];
  const { fromOffset, toOffset, receivedFrom, receivedTo } = inputs;
  const range = `${topic}/${partition}, offsets ${fromOffset} to ${toOffset}`;
  return [`Inputs       ${range}, received ${time(receivedFrom)} to ${time(receivedTo)}`];
}

const CONTEXT = 5;
const SHOWN = 20;
const STATE_CHARACTERS = 600;

function headline({ output, topic }: Explanation): string {
  const of = (name: string): string => {
    const value: unknown = typeof output === "object" && output !== null ? Reflect.get(output, name) : undefined;
    return typeof value === "string" || typeof value === "number" ? excerpt(String(value), 200) : "";
  };
  if (topic === "alarms")
    return `${of("device")}: ${of("message")} (${of("transition")}, rule ${of("rule")}, ${of("severity")})`;
  if (topic === "dead-letters") return `${of("device")}: ${of("function")}@${of("version")} failed: ${of("error")}`;
  if (topic === "readings") return `${of("device")} at ${time(Number(of("ts")))}: ${excerpt(metricsText(output), 200)}`;
  if (topic === "device-events") return `${of("device")}, ${time(Number(of("ts")))}: ${of("detail")}`;
  const window = `${time(Number(of("start")))} + ${Number(of("size")) / 1000} s, revision ${of("revision")}`;
  return `${of("device")} ${of("metric")}, ${window}: count ${of("count")}, min ${of("min")}, mean ${of("mean")}, max ${of("max")}`;
}

function metricsText(output: unknown): string {
  return typeof output === "object" && output !== null ? JSON.stringify(Reflect.get(output, "metrics")) : "";
}

function messageLines(messages: readonly ExplainedMessage[]): string[] {
  if (messages.length === 0) return ["No message of the device is left in the log."];
  const shown = messages.length <= SHOWN ? messages : [...messages.slice(0, SHOWN / 2), ...messages.slice(-SHOWN / 2)];
  const rows = shown.map((m) => [
    m.offset,
    time(m.received),
    m.readings.map(({ ts }) => time(ts)).join(" "),
    m.outcome,
    excerpt(m.payload, 80),
  ]);
  const hidden = messages.length - shown.length;
  return [
    formatTable(["offset", "received", "event time", "outcome", "payload"], rows),
    ...(hidden > 0 ? [`… and ${hidden} between them (--json lists them)`] : []),
  ];
}

/** What the function keeps for the device, where it changed. */
function stateLines({ before, after }: Explanation): string[] {
  const text = (value: unknown): string =>
    value === undefined ? "nothing" : excerpt(JSON.stringify(value), STATE_CHARACTERS);
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const changed = names.filter((name) => text(before[name]) !== text(after[name]));
  if (changed.length === 0) return ["The function's state for this device did not change."];
  return [
    "What changed of the function's state for this device",
    ...changed.flatMap((name) => [
      `  ${name}`,
      `    before  ${text(before[name])}`,
      `    after   ${text(after[name])}`,
    ]),
  ];
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
