import { z } from "zod";
import { QUARANTINE_REASONS } from "../../core/derived-records.ts";
import { LIMITS } from "../../core/limits.ts";
import { createClickHouseLink } from "./clickhouse-link.ts";
import { deadLetterRow, toDeadLetter } from "./dead-letter-row.ts";
import { requireCount, requireIds, requireRange } from "./history-limits.ts";
import type { TopicName } from "../../core/topics.ts";
import type { QuarantinedMessage, RejectQuery, Rejects } from "../../core/rejects.ts";
import type { ConnectionSource } from "./clickhouse-connection.ts";
import type { BoundValues } from "./clickhouse-link.ts";

/** What the main stage reads. */
const MESSAGES_TOPIC: TopicName = "telemetry";

const SCOPE = `WHERE tenant = {tenant:String} AND ({device:String} = '' OR device = {device:String})
  AND received >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received < fromUnixTimestamp64Milli({to:Int64}, 'UTC')`;
const NEWEST_FIRST =
  "ORDER BY received DESC, src_partition DESC, src_offset DESC, src_step DESC, src_index DESC LIMIT {limit:UInt32}";

const QUARANTINE = `SELECT device, reason, detail, metric, toUnixTimestamp64Milli(ts) AS ts_ms,
  toUnixTimestamp64Milli(received) AS received_ms, payload, src_partition, src_offset
FROM quarantine ${SCOPE} AND ({reason:String} = '' OR reason = {reason:String}) ${NEWEST_FIRST}`;

const DEAD_LETTERS = `SELECT device, function, version, error, error_class, stack, toUnixTimestamp64Milli(received) AS received_ms,
  source_topic, source_partition, source_offset, timer_name, toUnixTimestamp64Milli(timer_at) AS timer_ms, payload
FROM dead_letters ${SCOPE} ${NEWEST_FIRST}`;

const OF_FUNCTIONS = `SELECT toFloat64(count()) AS letters FROM dead_letters
WHERE tenant = {tenant:String} AND source_topic != {messages:String}`;

const lettersRow = z.object({ letters: z.number() });

const quarantineRow = z.object({
  device: z.string(),
  reason: z.enum(QUARANTINE_REASONS),
  detail: z.string(),
  metric: z.string(),
  ts_ms: z.number().nullable(),
  received_ms: z.number(),
  payload: z.string(),
  src_partition: z.number(),
  src_offset: z.number(),
});

/** Questions to the tables of what was refused. Fixed SQL with bound values only, as in history.ts. */
export function createRejects(connection: ConnectionSource): Rejects & { close(): Promise<void> } {
  const link = createClickHouseLink(connection);
  return {
    async quarantine({ reason = "", ...query }) {
      const rows = await link.query(QUARANTINE, quarantineRow, { ...boundValues(query), reason });
      return rows.map((row) => toQuarantined(query.tenant, row));
    },
    async deadLetters(query) {
      const rows = await link.query(DEAD_LETTERS, deadLetterRow, boundValues(query));
      return rows.map((row) => toDeadLetter(query.tenant, row));
    },
    async functionDeadLetters(tenant) {
      requireIds(tenant);
      const [row] = await link.query(OF_FUNCTIONS, lettersRow, { tenant, messages: MESSAGES_TOPIC });
      return row?.letters ?? 0;
    },
    close: () => link.close(),
  };
}

function boundValues({ tenant, device = "", from, to, limit }: RejectQuery): BoundValues {
  requireIds(tenant, ...(device === "" ? [] : [device]));
  requireRange({ from, to });
  requireCount(limit, LIMITS.pageSizeMax);
  return { tenant, device, from, to, limit };
}

function toQuarantined(tenant: string, row: z.infer<typeof quarantineRow>): QuarantinedMessage {
  const { device, reason, detail, metric, ts_ms: ts, received_ms: received, payload } = row;
  return {
    v: 1,
    tenant,
    device,
    reason,
    detail,
    // A metric's name can be empty: then the reason is its name.
    ...(metric === "" ? {} : { metric }),
    ...(ts === null ? {} : { ts }),
    received,
    payload,
    source: { partition: row.src_partition, offset: row.src_offset },
  };
}
