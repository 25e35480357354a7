import { z } from "zod";
import { QUARANTINE_REASONS } from "../core/derived-records.ts";
import { LIMITS } from "../core/limits.ts";
import { SLOW_DEVICE_ORDERS } from "../core/slow-device-order.ts";
import { functionNameSchema, idSchema, metricNameSchema } from "../core/schemas.ts";

const PAGE_SIZE_DEFAULT = 100;
const SERIES_POINTS_DEFAULT = 500;

/** What paths and query strings may hold. Unknown parameters are refused: a mistyped filter must not list everything. */
const limit = z.coerce
  .number()
  .int()
  .min(1)
  .max(LIMITS.pageSizeMax)
  .default(PAGE_SIZE_DEFAULT)
  .describe("How many at most");
const after = z.string().max(LIMITS.cursorCharactersMax).exactOptional().describe("`next` of the page before");
const time = wholeNumber();
const from = time.exactOptional().describe("Event time, UTC ms, inclusive. An hour before `to` when absent");
const to = time.exactOptional().describe("Event time, UTC ms, exclusive. Now when absent");

export const idParams = z.object({ id: idSchema });

export const pageQuery = z.strictObject({ limit, after });

export const deviceListQuery = z.strictObject({
  search: z.string().max(LIMITS.searchCharactersMax).exactOptional().describe("Part of the id or the name"),
  type: idSchema.exactOptional(),
  after,
  limit,
});

export const slowDevicesQuery = z.strictObject({
  by: z
    .enum(SLOW_DEVICE_ORDERS)
    .default("silence")
    .describe(
      "`silence`: longest since the last message, in usual intervals. `delay`: longest from event to receipt. `rejects`: most of what was sent did not count",
    ),
  limit,
});

export const alarmListQuery = z.strictObject({
  active: z
    .enum(["true", "false"])
    .transform((text) => text === "true")
    .exactOptional(),
  device: idSchema.exactOptional(),
  after,
  limit,
});

export const latestQuery = z.strictObject({ device: idSchema.exactOptional() });

export const seriesQuery = z.strictObject({
  metric: metricNameSchema,
  from,
  to,
  points: z.coerce
    .number()
    .int()
    .min(1)
    .max(LIMITS.chartPointsMax)
    .default(SERIES_POINTS_DEFAULT)
    .describe("Down-sampled to at most this many"),
});

export const readingsQuery = z.strictObject({ from, to, limit });

const receivedFrom = time.exactOptional().describe("Receive time, UTC ms, inclusive. All that is kept when absent");
const receivedTo = time.exactOptional().describe("Receive time, UTC ms, exclusive. Now when absent");

export const rejectsQuery = z.strictObject({
  device: idSchema.exactOptional(),
  from: receivedFrom,
  to: receivedTo,
  limit,
});

/** Which dead letters: in query strings, where numbers are texts, and in bodies alike. */
export const deadLetterFilterQuery = z.strictObject({
  device: idSchema.exactOptional(),
  function: z.string().max(LIMITS.idCharactersMax).exactOptional().describe("The function that failed"),
  errorClass: z.string().max(LIMITS.idCharactersMax).exactOptional().describe("As `errorClass` of a dead letter"),
  from: receivedFrom,
  to: receivedTo,
});

export const deadLetterQueueQuery = deadLetterFilterQuery.extend({ limit });

export const quarantineQuery = rejectsQuery.extend({ reason: z.enum(QUARANTINE_REASONS).exactOptional() });

export const windowSize = z.coerce
  .number()
  .int()
  .min(LIMITS.windowMsMin)
  .max(LIMITS.windowMsMax)
  .default(60_000)
  .describe("Length of the windows, ms");

export const aggregatesQuery = z.strictObject({
  metric: metricNameSchema.exactOptional(),
  size: windowSize,
  from,
  to,
  limit,
});

export const functionParams = z.object({ name: functionNameSchema });
export const functionQuery = z.object({ name: functionNameSchema.exactOptional() });

/**
 * A time or place in a query string or path is a text of digits; in a body, a number. Number() takes a blank for zero, which as `from`
 * is all that is kept, and reads 0x10 and 1e3 too.
 */
export function wholeNumber() {
  const error = "must be a whole number, in digits";
  const ofText = (value: unknown): unknown =>
    typeof value === "string" ? Number(/^\d{1,16}$/.test(value) ? value : Number.NaN) : value;
  return z.preprocess(ofText, z.number({ error }).int(error).min(0, error).max(Number.MAX_SAFE_INTEGER, error));
}
