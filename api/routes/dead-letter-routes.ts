import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { isCanaryName } from "../../core/canary.ts";
import { deviceKey } from "../../core/ids.ts";
import { MillraceError } from "../../core/errors.ts";
import { isReading } from "../../core/is-reading.ts";
import { parseJson } from "../../core/parse-json.ts";
import { LIMITS } from "../../core/limits.ts";
import type { ControlRecord } from "../../core/control.ts";
import type { DeadLetterQueue, QueuedDeadLetter } from "../../core/dead-letter-queue.ts";
import type { DeadLetterSource } from "../api-options.ts";
import { deadLetterCountsAnswer, listOf, queuedDeadLetterAnswer, redriveAnswer } from "../answer-shapes.ts";
import { editBody, redriveBody } from "../body-shapes.ts";
import { deadLetterFilterQuery, deadLetterQueueQuery } from "../query-shapes.ts";
import { receivedRange } from "../received-range.ts";
import { settleConfiguration, type RouteContext, type ZodApp } from "../route-context.ts";

type Redrive = Extract<ControlRecord, { kind: "redrive" }>;

const tags = ["rejects"];

/** Dead letters as something to be dealt with. */
export function deadLetterRoutes(app: ZodApp, context: RouteContext): void {
  readRoutes(app, context);
  redriveRoute(app, context);
  editRoute(app, context);
}

function sourceOf({ options }: RouteContext): DeadLetterSource {
  if (options.deadLetters !== null) return options.deadLetters;
  throw new MillraceError("SINK_UNAVAILABLE", "Nothing stores dead letters: Millrace was started without ClickHouse.", {
    remedy: "Start it without --no-clickhouse; the tables fill again from the log.",
  });
}

function readRoutes(app: ZodApp, context: RouteContext): void {
  const { options, gate } = context;
  app.get(
    "/dead-letters/queue",
    {
      schema: {
        tags,
        summary: "Dead letters, each record and function once as it failed last, newest first",
        querystring: deadLetterQueueQuery,
        response: { 200: listOf(queuedDeadLetterAnswer) },
      },
    },
    async ({ raw, query: { from, to, ...query } }) => {
      const { tenant } = gate.principalOf(raw);
      return { items: await sourceOf(context).queue.list({ tenant, ...query, ...receivedRange(from, to, options) }) };
    },
  );
  app.get(
    "/dead-letters/counts",
    {
      schema: {
        tags,
        summary: "How many dead letters can be run again, or not any more",
        querystring: deadLetterFilterQuery,
        response: { 200: deadLetterCountsAnswer },
      },
    },
    async ({ raw, query: { from, to, ...query } }) => {
      const { tenant } = gate.principalOf(raw);
      return sourceOf(context).queue.counts({ tenant, ...query, ...receivedRange(from, to, options) });
    },
  );
}

function redriveRoute(app: ZodApp, context: RouteContext): void {
  const { options, gate } = context;
  app.post(
    "/dead-letters/redrive",
    {
      schema: {
        tags,
        summary: "Run the records of some dead letters again, oldest first, on the function that failed",
        body: redriveBody,
        response: { 200: redriveAnswer, 202: redriveAnswer },
      },
    },
    async ({ raw, body: { from, to, dryRun = false, ...query } }, reply) => {
      const { tenant, id: actor } = gate.principalOf(raw);
      const { queue, ...log } = sourceOf(context);
      const letters = await queue.redrivable({ tenant, ...query, ...receivedRange(from, to, options) });
      // All or none: who is told of one that cannot be run must not wonder about the others.
      const controls: Redrive[] = [];
      for (const letter of letters) controls.push(await redriveOf(letter, log));
      const last = letters.at(-1);
      const next =
        last === undefined ? null : { received: last.received, function: last.function, source: last.source };
      if (dryRun) return reply.code(200).send({ redriven: 0, next });
      let sequence: number | undefined;
      for (const control of controls) {
        const key = deviceKey(tenant, control.device);
        sequence = await options.registry.controlOutbox.enqueue(key, control, actor);
      }
      if (sequence !== undefined) await settleConfiguration(options, reply, sequence);
      return reply.code(202).send({ redriven: letters.length, next });
    },
  );
}

function editRoute(app: ZodApp, context: RouteContext): void {
  const { options, gate } = context;
  app.post(
    "/dead-letters/edit",
    {
      schema: {
        tags,
        summary: "Run a dead letter's function again on an edited record in the place of the original one",
        body: editBody,
        response: { 202: z.object({ attempt: z.int().positive() }) },
      },
    },
    async ({ raw, body }, reply) => {
      const { tenant, id: actor } = gate.principalOf(raw);
      const { queue, ...log } = sourceOf(context);
      const letter = await redrivableAt(queue, tenant, body);
      const control = await redriveOf({ ...letter, payload: body.payload }, log);
      requireFitting(letter, body.payload);
      const edited: ControlRecord = { ...control, editedBy: actor };
      const sequence = await options.registry.controlOutbox.enqueue(deviceKey(tenant, letter.device), edited, actor);
      await settleConfiguration(options, reply, sequence);
      return reply.code(202).send({ attempt: control.attempt });
    },
  );
}

/** The dead letter at this place. NOT_FOUND when it cannot be run again. */
async function redrivableAt(
  queue: DeadLetterQueue,
  tenant: string,
  { device, function: name, received, source }: Omit<z.infer<typeof editBody>, "payload">,
): Promise<QueuedDeadLetter> {
  const filter = { tenant, device, function: name, from: received, to: received + 1, limit: LIMITS.pageSizeMax };
  const letters = await queue.redrivable(filter);
  const letter = letters.find((one) => isDeepStrictEqual({ ...one.source }, source));
  if (letter !== undefined) return letter;
  const text = `No dead letter of ${name} at ${source.topic}/${source.partition}/${source.offset} can be run again.`;
  if (isCanaryName(name)) {
    throw new MillraceError("NOT_FOUND", `${text} The live version has run on the record in the canary's place.`, {
      remedy: "Nothing is missing. Correct the function and deploy it anew.",
    });
  }
  throw new MillraceError("NOT_FOUND", text, {
    remedy: `It may be under way, have been run again ${LIMITS.redrivesPerDeadLetterMax} times, or be a timer's: millrace dlq show says so.`,
  });
}

/** What a device has sent is anything; a reading of another device would change what belongs to that one. */
function requireFitting({ tenant, device, source: { topic } }: QueuedDeadLetter, payload: string): void {
  if (topic === "telemetry") return;
  if (topic !== "readings") {
    throw new MillraceError("INVALID_INPUT", `Records of ${topic} are made by functions and cannot be edited.`, {
      remedy: "Correct the function, then millrace dlq redrive.",
    });
  }
  const value = parseJson(Buffer.from(payload, "base64"));
  if (value === undefined) throw notAReading("The edited record is no JSON.");
  if (!isReading(value)) throw notAReading("The edited record is no reading.");
  if (value.tenant !== tenant || value.device !== device)
    throw notAReading(`The edited record is a reading of "${value.device}", and the dead letter is of "${device}".`);
}

function notAReading(text: string): MillraceError {
  return new MillraceError("INVALID_INPUT", text, {
    remedy: "Change ts and metrics only, and leave the rest as millrace dlq show prints it.",
  });
}

async function redriveOf(letter: QueuedDeadLetter, log: Omit<DeadLetterSource, "queue">): Promise<Redrive> {
  const { tenant, device, source, received, payload, redrives } = letter;
  const stage = await log.stageOf(letter);
  if (stage === null && letter.function.startsWith("$")) {
    const text = `No function runs in ${letter.stage ?? "the stage"} whose functions together made too much of the record.`;
    throw new MillraceError("INVALID_INPUT", text, {
      remedy: "Deploy one there first, or choose the dead letters of others with --function.",
    });
  }
  if (stage === null) {
    const text = `${letter.function} does not run, so the record of its dead letter cannot be run again.`;
    throw new MillraceError("INVALID_INPUT", text, {
      remedy: `Deploy ${letter.function} first, or choose the dead letters of others with --function.`,
    });
  }
  const headers = (await log.headersAt(source)).map(([name, value]): [string, string] => [name, value]);
  const attempt = redrives + 1;
  const at = { source: { ...source }, received, headers, payload };
  return { v: 1, kind: "redrive", stage, function: letter.function, attempt, tenant, device, ...at };
}
