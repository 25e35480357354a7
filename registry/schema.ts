import type { Isolation } from "../core/stage-settings.ts";
import type { Kysely, Transaction } from "kysely";
import type { RolloutOutcome } from "../core/rollout.ts";
import type { FunctionKind } from "../core/function-store.ts";

/**
 * The tables, as the queries see them. Column types are those that SQLite and PostgreSQL share: text, and bigint for times (UTC ms),
 * numbers and flags (0 or 1), which every dialect reads as JavaScript numbers. Structured values are JSON text. Migrations make the
 * tables; this file only describes them.
 */
export interface Tables {
  /** One row, `sequence`: the last number given out. Its row lock puts all writers in one order. */
  readonly counters: { name: string; value: number };
  readonly settings: { name: string; value: string };
  readonly tenants: { id: string; created_at: number };
  readonly device_types: DefinitionTable;
  readonly alarm_rules: DefinitionTable;
  readonly reference_tables: DefinitionTable;
  readonly devices: {
    tenant: string;
    id: string;
    name: string;
    type: string | null;
    labels: string;
    disabled: number;
    created_at: number;
    /** Id and name in lower case: LIKE folds case differently in SQLite and PostgreSQL. */
    search_text: string;
    /** Whether it may publish for the devices that name it as theirs, and create such devices. */
    gateway: number;
    provisions: number;
    /** The gateway, of the same tenant, that may publish for it. */
    via: string | null;
  };
  /** Apart from `devices`, because it changes with every message. */
  readonly last_seen: { tenant: string; device: string; at: number };
  /** Ids of removed devices: alarm events still on their way must not bring their history back. */
  readonly erased_devices: { tenant: string; device: string; at: number };
  readonly credentials: {
    hmac: string;
    kind: "device" | "admin";
    tenant: string;
    /** Device id, or the name of the admin token. */
    principal: string;
    created_at: number;
  };
  /** The newest revocation of each `tenant/device`, and which open registry made it. */
  readonly revocations: { key: string; sequence: number; origin: string };
  readonly control_outbox: { sequence: number; key: string | null; control: string; created_at: number };
  readonly alarms: {
    tenant: string;
    id: string;
    device: string;
    rule: string;
    rule_name: string;
    severity: string;
    active: number;
    raised_at: number;
    cleared_at: number | null;
    metric: string | null;
    value: number | null;
    message: string;
  };
  readonly alarm_transitions: { tenant: string; alarm: string; transition: string };
  readonly alarm_positions: { name: string; position: number };
  readonly notifications: {
    sequence: number;
    id: string;
    kind: "alarm" | "platform";
    /** Whom it speaks of; null for faults of the platform. */
    tenant: string | null;
    device: string | null;
    body: string;
    state: "pending" | "delivered" | "failed";
    attempts: number;
    next_attempt_at: number;
    last_error: string | null;
  };
  readonly function_versions: {
    name: string;
    version: number;
    kind: FunctionKind;
    hash: string;
    code: string;
    code_bytes: number;
    /** Of what it keeps: null both, of a function that keeps nothing. */
    state_version: number | null;
    state_shape: string | null;
    created_at: number;
    created_by: string;
    /** Where it runs, or ran last, as users call it. */
    stage: string;
  };
  /** The version that runs; no row for a function of which none does. */
  readonly functions: {
    name: string;
    version: number;
    /** The version whose state devices have: another one where this one keeps nothing. Null: no version with state has run. */
    state_of: number | null;
  };
  /** The last canary of each function. */
  readonly rollouts: {
    name: string;
    version: number;
    /** The version that ran when it began. */
    live: number;
    /** In 1/10,000, as JSON. */
    shares: string;
    step: number;
    step_ms: number;
    /** When this step began, or the canary ended. */
    since: number;
    /** Null while it runs. */
    outcome: RolloutOutcome | null;
    reason: string;
  };
  /** Stages of functions of which something was said, as users call them. Null: as the settings say. */
  readonly function_stages: {
    name: string;
    isolation: Isolation;
    call_ms: number | null;
    memory_mib: number | null;
    state_mib: number | null;
  };
  readonly audit: { sequence: number; at: number; actor: string; action: string; target: string; detail: string };
}

interface DefinitionTable {
  tenant: string;
  id: string;
  /** The DeviceType, AlarmRule or ReferenceTable as JSON with sorted keys, so that equal definitions are equal texts. */
  definition: string;
}

/** A connection outside or inside a transaction. */
export type Queries = Kysely<Tables> | Transaction<Tables>;

/** Rows of one statement: SQLite takes 32,766 parameters, PostgreSQL 65,535. */
export const ROWS_PER_STATEMENT = 500;

/** Slices of at most `ROWS_PER_STATEMENT`. */
export function* inChunks<T>(rows: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < rows.length; start += ROWS_PER_STATEMENT) {
    yield rows.slice(start, start + ROWS_PER_STATEMENT);
  }
}
