import { z } from "zod";
import { canaryName } from "../../core/canary.ts";
import { LIMITS } from "../../core/limits.ts";
import { WHOLE_STEP } from "../../engine/step-failure.ts";
import { createClickHouseLink } from "./clickhouse-link.ts";
import { deadLetterRow, toDeadLetter } from "./dead-letter-row.ts";
import { requireCount, requireIds, requireRange } from "./history-limits.ts";
import type {
  DeadLetterCounts,
  DeadLetterFilter,
  DeadLetterPlace,
  DeadLetterQueue,
  QueuedDeadLetter,
} from "../../core/dead-letter-queue.ts";
import type { ConnectionSource } from "./clickhouse-connection.ts";
import type { BoundValues } from "./clickhouse-link.ts";

const TIME = "fromUnixTimestamp64Milli";

/** The engine writes `FUNCTION TOPIC/PARTITION/OFFSET attempt N` into the event of a redrive, and behind it who has edited the record. */
const REDRIVEN = `SELECT device, extract(detail, '^(.*) attempt [0-9]+(?:$|, edited by )') AS letter,
  if(startsWith(detail, '${WHOLE_STEP.function} '), toString(src_stage), '') AS step_stage, uniqExact(detail) AS redrives
FROM device_events WHERE tenant = {tenant:String} AND kind = 'redriven' GROUP BY device, letter, step_stage`;

/** A function runs in one stage, wherever that is by now; whole steps fail in each stage that reads the record. */
const LETTERS = `SELECT device, function, source_topic, source_partition, source_offset, timer_name,
  if(function = '${WHOLE_STEP.function}', toString(src_stage), '') AS step_stage,
  concat(function, ' ', source_topic, '/', toString(source_partition), '/', toString(source_offset)) AS letter,
  toUnixTimestamp64Milli(max(received)) AS received_ms, count() AS failures,
  argMax((version, error, error_class, stack, payload, toUnixTimestamp64Milli(timer_at)), (src_generation, src_offset, src_step, src_index)) AS newest
FROM dead_letters
WHERE tenant = {tenant:String} AND ({device:String} = '' OR device = {device:String})
  AND ({function:String} = '' OR function IN ({function:String}, {canary:String}))
  AND received >= ${TIME}({from:Int64}, 'UTC') AND received < ${TIME}({to:Int64}, 'UTC')
GROUP BY device, function, source_topic, source_partition, source_offset, timer_name, step_stage`;

/**
 * A record's own functions fail on records: a timer has none, control records are nobody's, and where a canary failed the live version has run.
 * The class is that of the last failure: by the class of an earlier one a record that has failed again would count as mended.
 */
const QUEUE = `SELECT l.*, r.redrives AS redrives, timer_name = '' AND function != '$control' AND NOT endsWith(function, '@canary') AS has_record,
  multiIf(NOT has_record, 'withoutRecord', failures <= redrives, 'redriven', redrives >= {redrives_max:UInt32}, 'exhausted', 'redrivable') AS state
FROM (${LETTERS}) AS l LEFT JOIN (${REDRIVEN}) AS r ON r.device = l.device AND r.letter = l.letter AND r.step_stage = l.step_stage
WHERE {error_class:String} = '' OR newest.3 = {error_class:String}`;

const COLUMNS = `device, function, step_stage, source_topic, source_partition, source_offset, timer_name, received_ms,
  toUInt32(failures) AS failures, toUInt32(redrives) AS redrives, newest.1 AS version, newest.2 AS error, newest.3 AS error_class,
  newest.4 AS stack, newest.5 AS payload, newest.6 AS timer_ms`;

const LIST = `SELECT ${COLUMNS} FROM (${QUEUE})
ORDER BY received_ms DESC, source_partition DESC, source_offset DESC, function DESC LIMIT {limit:UInt32}`;

const REDRIVABLE = `SELECT ${COLUMNS} FROM (${QUEUE}) WHERE state = 'redrivable'
  AND (received_ms, source_partition, source_offset, function) > ({after_received:Int64}, {after_partition:UInt32}, {after_offset:UInt64}, {after_function:String})
ORDER BY received_ms, source_partition, source_offset, function LIMIT {limit:UInt32}`;

const COUNTS = `SELECT state, toUInt32(count()) AS letters FROM (${QUEUE}) GROUP BY state`;

const row = deadLetterRow.extend({ step_stage: z.string(), failures: z.number(), redrives: z.number() });

const countRow = z.object({
  state: z.enum(["withoutRecord", "redriven", "exhausted", "redrivable"]),
  letters: z.number(),
});

/** Fixed SQL with bound values only, as in history.ts. */
export function createDeadLetterQueue(source: ConnectionSource): DeadLetterQueue & { close(): Promise<void> } {
  const link = createClickHouseLink(source);
  return {
    async list({ limit, ...filter }) {
      requireCount(limit, LIMITS.pageSizeMax);
      const rows = await link.query(LIST, row, { ...boundValues(filter), limit });
      return rows.map((one) => toQueued(filter.tenant, one));
    },
    async redrivable({ limit, after, ...filter }) {
      requireCount(limit, LIMITS.pageSizeMax);
      const rows = await link.query(REDRIVABLE, row, { ...boundValues(filter), ...boundPlace(after), limit });
      return rows.map((one) => toQueued(filter.tenant, one));
    },
    async counts(filter) {
      const rows = await link.query(COUNTS, countRow, boundValues(filter));
      const none: DeadLetterCounts = { redrivable: 0, redriven: 0, exhausted: 0, withoutRecord: 0 };
      return { ...none, ...Object.fromEntries(rows.map(({ state, letters }) => [state, letters])) };
    },
    close: () => link.close(),
  };
}

function boundValues({
  tenant,
  device = "",
  function: name = "",
  errorClass = "",
  from,
  to,
}: DeadLetterFilter): BoundValues {
  requireIds(tenant, ...(device === "" ? [] : [device]));
  requireRange({ from, to });
  const redrives_max = LIMITS.redrivesPerDeadLetterMax;
  return { tenant, device, function: name, canary: canaryName(name), error_class: errorClass, from, to, redrives_max };
}

function boundPlace(after: DeadLetterPlace | undefined): BoundValues {
  return {
    after_received: after?.received ?? -1,
    after_partition: after?.source.partition ?? 0,
    after_offset: after?.source.offset ?? 0,
    after_function: after?.function ?? "",
  };
}

function toQueued(tenant: string, one: z.infer<typeof row>): QueuedDeadLetter {
  const { failures, redrives, step_stage: stage } = one;
  return { ...toDeadLetter(tenant, one), failures, redrives, ...(stage === "" ? {} : { stage }) };
}
