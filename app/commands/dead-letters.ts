import { setTimeout as delay } from "node:timers/promises";
import { isMillraceError, MillraceError } from "../../core/errors.ts";
import { isCanaryName } from "../../core/canary.ts";
import { LIMITS } from "../../core/limits.ts";
import { EXIT, counted, formatTable } from "./output.ts";
import { parseTimeText } from "./time-text.ts";
import type { DeadLetterCounts, DeadLetterPlace, QueuedDeadLetter } from "../../core/dead-letter-queue.ts";
import type { ApiClient } from "./api-client.ts";

export interface DeadLetterOptions {
  readonly json: boolean;
  readonly function?: string;
  readonly errorClass?: string;
  readonly device?: string;
  readonly from?: string;
  readonly to?: string;
}

export interface RedriveOptions extends DeadLetterOptions {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  /** Records per second. */
  readonly rate: string;
}

interface Items {
  readonly items: readonly QueuedDeadLetter[];
}

/** `millrace dlq ls`. */
export async function listDeadLetters(
  api: ApiClient,
  options: DeadLetterOptions & { readonly limit: string },
): Promise<number> {
  const query = new URLSearchParams({ ...queryOf(options), limit: options.limit });
  const { items } = await api.get<Items>(`/dead-letters/queue?${query.toString()}`);
  if (options.json) console.log(JSON.stringify(items));
  else if (items.length === 0) console.log("No dead letters.");
  else
    console.log(
      formatTable(["received", "device", "function", "class", "error", "failed", "source"], items.map(rowOf)),
    );
  return EXIT.ok;
}

/** `millrace dlq show SOURCE`, SOURCE as `ls` prints it. */
export async function showDeadLetter(api: ApiClient, source: string, options: DeadLetterOptions): Promise<number> {
  const found = await findDeadLetters(api, source, options);
  console.log(options.json ? JSON.stringify(found) : found.map(detailsOf).join("\n\n"));
  return EXIT.ok;
}

/** Those of a source, of which each function may have one. NOT_FOUND when there is none. */
export async function findDeadLetters(
  api: ApiClient,
  source: string,
  options: DeadLetterOptions,
): Promise<readonly QueuedDeadLetter[]> {
  const query = new URLSearchParams({ ...queryOf(options), limit: String(LIMITS.pageSizeMax) });
  const { items } = await api.get<Items>(`/dead-letters/queue?${query.toString()}`);
  const found = items.filter((item) => sourceText(item) === source);
  if (found.length > 0) return found;
  throw new MillraceError("NOT_FOUND", `there is no dead letter of ${source} among the newest ${LIMITS.pageSizeMax}`, {
    remedy:
      "Name the source as millrace dlq ls prints it, and narrow it down with --device, --function, --from or --to.",
  });
}

/** `millrace dlq redrive`. */
export async function redriveDeadLetters(api: ApiClient, options: RedriveOptions): Promise<number> {
  const filter = queryOf(options);
  if (options.all !== true && Object.keys(filter).length === 0) {
    throw new MillraceError("INVALID_INPUT", "nothing says which dead letters", {
      remedy: "Name a function, an error class, a device or a time; or say --all.",
    });
  }
  const counts = await api.get<DeadLetterCounts>(`/dead-letters/counts?${new URLSearchParams(filter).toString()}`);
  if (options.dryRun === true) await requireRedrivable(api, options);
  const redriven = options.dryRun === true ? 0 : await redriveAll(api, options);
  if (options.json) console.log(JSON.stringify({ ...counts, redriven }));
  else console.log(options.dryRun === true ? countsText(counts) : `${redriven} records are run again.`);
  return EXIT.ok;
}

/** Of the first ones, which are those that the redrive would begin with: what is refused then is refused now. */
async function requireRedrivable(api: ApiClient, options: RedriveOptions): Promise<void> {
  const body = { ...filterOf(options), limit: LIMITS.redriveBatchMax, dryRun: true };
  await api.send("POST", "/dead-letters/redrive", body);
}

function filterOf({ device, function: name, errorClass, from, to }: DeadLetterOptions) {
  return {
    ...(device === undefined ? {} : { device }),
    ...(name === undefined ? {} : { function: name }),
    ...(errorClass === undefined ? {} : { errorClass }),
    ...(from === undefined ? {} : { from: parseTimeText(from) }),
    ...(to === undefined ? {} : { to: parseTimeText(to) }),
  };
}

interface RedriveAnswer {
  readonly redriven: number;
  readonly next: DeadLetterPlace | null;
}

async function redriveAll(api: ApiClient, options: RedriveOptions): Promise<number> {
  const rate = Number(options.rate);
  const limit = Math.min(rate, LIMITS.redriveBatchMax);
  const filter = { ...filterOf(options), limit };
  let redriven = 0;
  let after: DeadLetterPlace | null = null;
  for (;;) {
    const begun = performance.now();
    const body = { ...filter, ...(after === null ? {} : { after }) };
    const answer: RedriveAnswer = await api
      .send<RedriveAnswer>("POST", "/dead-letters/redrive", body)
      .catch((error: unknown) => {
        throw endedAfter(redriven, error);
      });
    redriven += answer.redriven;
    after = answer.next;
    if (after === null || answer.redriven < limit) return redriven;
    await delay(Math.max(0, (limit / rate) * 1000 - (performance.now() - begun)));
  }
}

/** As the query of a list has it. */
function queryOf(options: DeadLetterOptions): Record<string, string> {
  return Object.fromEntries(Object.entries(filterOf(options)).map(([key, value]) => [key, String(value)]));
}

/** A redrive of many ends half way: how far it came belongs to what is told. */
function endedAfter(redriven: number, error: unknown): unknown {
  if (redriven === 0 || !isMillraceError(error)) return error;
  const { code, message, remedy } = error;
  return new MillraceError(code, `at least ${redriven} records are run again, and then it ended: ${message}`, {
    cause: error,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

function countsText({ redrivable, redriven, exhausted, withoutRecord }: DeadLetterCounts): string {
  return [
    `${redrivable} would be run again.`,
    `${redriven} were, and have not failed since; ${exhausted} have failed ${LIMITS.redrivesPerDeadLetterMax} times again; ${withoutRecord} have no record to be run again: they are of timers, or of canaries, in whose place the live version has run.`,
  ].join("\n");
}

function rowOf(letter: QueuedDeadLetter): (string | number)[] {
  const { received, device, function: name, version, errorClass, error, failures } = letter;
  const at = new Date(received).toISOString();
  return [at, device, `${name}@${version}`, errorClass, line(error, 50), `${failures} ×`, sourceText(letter)];
}

function sourceText({ source }: QueuedDeadLetter): string {
  return `${source.topic}/${source.partition}/${source.offset}`;
}

function detailsOf(letter: QueuedDeadLetter): string {
  const {
    received,
    device,
    function: name,
    version,
    errorClass,
    error,
    stack,
    timer,
    payload,
    failures,
    redrives,
  } = letter;
  const text = Buffer.from(payload, "base64").toString();
  const rows = [
    ["source", sourceText(letter)],
    ["received", new Date(received).toISOString()],
    ["device", device],
    ["function", `${name}@${version}`],
    ["error", `${errorClass}: ${line(error, 2000)}`],
    ["failed", `${counted(failures, "time")}, run again ${counted(redrives, "time")}${endOf(letter)}`],
    ...(timer === undefined ? [] : [["timer", `${line(timer.name, 200)} at ${new Date(timer.at).toISOString()}`]]),
    ...stack.split("\n").map((frame, at) => [at === 0 ? "stack" : "", line(frame, 300)]),
    ["payload", line(text, 4000)],
  ];
  return rows.map(([label = "", value = ""]) => `${label.padEnd(10)}${value}`.trimEnd()).join("\n");
}

/** Why it cannot be run again; empty when it can. */
function endOf({ function: name, timer, failures, redrives }: QueuedDeadLetter): string {
  if (timer !== undefined) return "; a timer has no record that could be run again";
  if (isCanaryName(name)) return "; the live version has run in the canary's place, and nothing is to be run again";
  if (failures <= redrives) return "; has not failed since";
  return redrives >= LIMITS.redrivesPerDeadLetterMax ? "; that is as often as it may be" : "";
}

/** One line that a terminal may show: devices must not be able to send it control sequences. */
function line(text: string, charactersMax: number): string {
  const flat = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  return flat.length <= charactersMax ? flat : `${flat.slice(0, charactersMax - 1)}…`;
}
