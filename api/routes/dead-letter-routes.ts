import { deviceKey } from "../../core/ids.ts";
import { MillraceError } from "../../core/errors.ts";
import type { ControlRecord } from "../../core/control.ts";
import type { QueuedDeadLetter } from "../../core/dead-letter-queue.ts";
import type { DeadLetterSource } from "../api-options.ts";
import { deadLetterCountsAnswer, listOf, queuedDeadLetterAnswer, redriveAnswer } from "../answer-shapes.ts";
import { redriveBody } from "../body-shapes.ts";
import { deadLetterFilterQuery, deadLetterQueueQuery } from "../query-shapes.ts";
import { receivedRange } from "../received-range.ts";
import { settleConfiguration, type RouteContext, type ZodApp } from "../route-context.ts";

const tags = ["rejects"];

/** Dead letters as something to be dealt with. */
export function deadLetterRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  const source = (): DeadLetterSource => {
    if (options.deadLetters !== null) return options.deadLetters;
    throw new MillraceError(
      "SINK_UNAVAILABLE",
      "Nothing stores dead letters: Millrace was started without ClickHouse.",
      {
        remedy: "Start it without --no-clickhouse; the tables fill again from the log.",
      },
    );
  };
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
      return { items: await source().queue.list({ tenant, ...query, ...receivedRange(from, to, options) }) };
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
      return source().queue.counts({ tenant, ...query, ...receivedRange(from, to, options) });
    },
  );
  app.post(
    "/dead-letters/redrive",
    {
      schema: {
        tags,
        summary: "Run the records of some dead letters again, oldest first, on the function that failed",
        body: redriveBody,
        response: { 202: redriveAnswer },
      },
    },
    async ({ raw, body: { from, to, ...query } }, reply) => {
      const { tenant, id: actor } = gate.principalOf(raw);
      const { queue, ...log } = source();
      const letters = await queue.redrivable({ tenant, ...query, ...receivedRange(from, to, options) });
      let sequence: number | undefined;
      for (const letter of letters) {
        const control = await redriveOf(letter, log);
        const key = deviceKey(tenant, letter.device);
        sequence = await options.registry.controlOutbox.enqueue(key, control, actor);
      }
      if (sequence !== undefined) await settleConfiguration(options, reply, sequence);
      const last = letters.at(-1);
      const next =
        last === undefined ? null : { received: last.received, function: last.function, source: last.source };
      return reply.code(202).send({ redriven: letters.length, next });
    },
  );
}

async function redriveOf(letter: QueuedDeadLetter, log: Omit<DeadLetterSource, "queue">): Promise<ControlRecord> {
  const { tenant, device, source, received, payload, redrives } = letter;
  const stage = await log.stageOf(source.topic, letter.function);
  if (stage === null)
    throw new MillraceError("INVALID_INPUT", `No stage reads ${source.topic}: it cannot be run again.`);
  const headers = (await log.headersAt(source)).map(([name, value]): [string, string] => [name, value]);
  const attempt = redrives + 1;
  const at = { source: { ...source }, received, headers, payload };
  return { v: 1, kind: "redrive", stage, function: letter.function, attempt, tenant, device, ...at };
}
