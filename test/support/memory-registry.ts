import type { AlarmEvent } from "../../core/derived-records.ts";
import { MillraceError } from "../../core/errors.ts";
import type { Addressee, AlarmState, AlarmStore, Notification, NotificationOutbox } from "../../core/registry.ts";

export interface MemoryOutboxRow extends Notification {
  readonly state: "pending" | "delivered" | "failed";
  readonly dueAt: number;
  readonly error: string | null;
}

/** The alarm half of a registry, in memory, for tests: what it holds can be looked at, and calls can be made to fail. */
export interface MemoryAlarmRegistry {
  readonly alarms: AlarmStore;
  readonly outbox: NotificationOutbox;
  readonly rows: ReadonlyMap<string, MemoryOutboxRow>;
  readonly states: ReadonlyMap<string, AlarmState>;
  /** While set, every call of that name rejects with it. */
  failing: { readonly call: string; readonly error: MillraceError } | null;
  /** `applyEvents` refuses a batch that holds this alarm id, for good. */
  refusedAlarm: string | null;
}

export function createMemoryAlarmRegistry(): MemoryAlarmRegistry {
  const rows = new Map<string, MemoryOutboxRow>();
  const states = new Map<string, AlarmState>();
  let positions: Readonly<Record<string, number>> = {};
  const enqueue = (id: string, kind: Notification["kind"], body: object) => {
    if (!rows.has(id)) rows.set(id, { id, kind, body, attempts: 0, state: "pending", dueAt: 0, error: null });
  };
  const check = (call: string) => {
    if (memory.failing?.call === call) throw memory.failing.error;
  };
  const memory: MemoryAlarmRegistry = {
    rows,
    states,
    failing: null,
    refusedAlarm: null,
    alarms: {
      async applyEvents(events, next, copies = []) {
        check("applyEvents");
        if (events.some((event) => event.id === memory.refusedAlarm)) {
          throw new MillraceError("INVALID_INPUT", "this alarm is refused");
        }
        for (const event of events) {
          states.set(event.id, stateAfter(event, states.get(event.id)));
          for (const end of ["", ...copies.map((name) => `@${name}`)])
            enqueue(`${event.id}:${event.transition}${end}`, "alarm", event);
        }
        positions = next;
      },
      async positions() {
        check("positions");
        return positions;
      },
      list: async () => ({ items: [...states.values()], next: null }),
      get: async (tenant, id) => {
        const known = states.get(id);
        return known?.tenant === tenant ? known : null;
      },
      counts: async () => ({ active: [...states.values()].filter((s) => s.active).length, total: states.size }),
    },
    outbox: {
      async enqueue(id, kind, body) {
        check("enqueue");
        enqueue(id, kind, body);
      },
      async due(nowMs, limit, except = []) {
        check("due");
        const isDue = (row: MemoryOutboxRow) =>
          row.state === "pending" && row.dueAt <= nowMs && !except.includes(addresseeOf(row.id));
        return [...rows.values()].filter(isDue).slice(0, limit);
      },
      async waiting(addressee) {
        check("waiting");
        return [...rows.values()].filter((row) => row.state === "pending" && addresseeOf(row.id) === addressee).length;
      },
      async settle(id, result) {
        check("settle");
        const row = rows.get(id);
        if (!row) throw new MillraceError("NOT_FOUND", `no notification ${id}`);
        if (result.delivered) rows.set(id, { ...row, state: "delivered", error: null });
        else if (result.nextAttemptAt === null) rows.set(id, { ...row, state: "failed", error: result.error });
        else rows.set(id, { ...row, attempts: row.attempts + 1, dueAt: result.nextAttemptAt, error: result.error });
      },
      async giveUp(ids, error) {
        check("giveUp");
        for (const id of ids) {
          const row = rows.get(id);
          if (row) rows.set(id, { ...row, state: "failed", error });
        }
      },
      async counts() {
        const count = (state: MemoryOutboxRow["state"]) =>
          [...rows.values()].filter((row) => row.state === state).length;
        return { pending: count("pending"), delivered: count("delivered"), failed: count("failed") };
      },
    },
  };
  return memory;
}

function addresseeOf(id: string): Addressee {
  return /@([0-9a-f]{12})$/.exec(id)?.[1] ?? null;
}

function stateAfter(event: AlarmEvent, before: AlarmState | undefined): AlarmState {
  const { id, tenant, device, rule, ruleName, severity, metric = null, value = null, message, ts } = event;
  const active = event.transition === "raised";
  const raisedAt = active ? ts : (before?.raisedAt ?? event.since);
  return {
    id,
    tenant,
    device,
    rule,
    ruleName,
    severity,
    active,
    raisedAt,
    clearedAt: active ? null : ts,
    metric,
    value,
    message,
  };
}
