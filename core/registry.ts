import type { AlarmRule, Severity } from "./alarm-rule.ts";
import type { ControlRecord, DeviceState } from "./control.ts";
import type { FunctionStore } from "./function-store.ts";
import type { RolloutStore } from "./rollout.ts";
import type { AlarmEvent } from "./derived-records.ts";
import type { ReferenceTable } from "./reference-table.ts";
import type { DeviceType } from "./device-type.ts";

/**
 * Ports of the registry, implemented on SQLite (and PostgreSQL) with one set of queries. Called by api, by the broker's
 * authentication and by app. Every change is audited under `actor` and, where a stage must know it, leaves as a control record
 * through the outbox of the same transaction. Errors: NOT_FOUND, ALREADY_EXISTS, INVALID_INPUT, REGISTRY_IO.
 */
export interface Device {
  readonly tenant: string;
  readonly id: string;
  readonly name: string;
  readonly type: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly disabled: boolean;
  /** Whether it may publish for the devices whose `via` names it. */
  readonly gateway: boolean;
  /** Whether it may create such devices, by publishing for one that does not exist. */
  readonly provisions: boolean;
  /** The gateway that may publish for it, of the same tenant. */
  readonly via: string | null;
  readonly createdAt: number;
  /** Receive time of the last message, UTC ms; null when there was none. Batched: may be seconds behind. */
  readonly lastSeen: number | null;
}

export interface DeviceInput {
  readonly tenant: string;
  readonly id: string;
  readonly name?: string;
  readonly type?: string | null;
  readonly labels?: Readonly<Record<string, string>>;
  readonly gateway?: boolean;
  readonly provisions?: boolean;
  readonly via?: string | null;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Pass it back as `after` for the next page; null on the last one. */
  readonly next: string | null;
}

export interface DeviceQuery {
  readonly tenant: string;
  readonly search?: string;
  readonly type?: string;
  readonly after?: string;
  readonly limit: number;
}

/** What is left out stays as it is. */
export type DeviceChanges = Omit<DeviceInput, "tenant" | "id"> & { readonly disabled?: boolean };

export interface DeviceStore {
  get(tenant: string, id: string): Promise<Device | null>;
  list(query: DeviceQuery): Promise<Page<Device>>;
  /** Creates or updates devices, all or none. */
  put(devices: readonly DeviceInput[], actor: string): Promise<void>;
  /** Changes what is named of a device that exists, as one change. NOT_FOUND for one that does not, or does not any more. */
  change(tenant: string, id: string, changes: DeviceChanges, actor: string): Promise<void>;
  /** Erases the device, its credentials and, through its control record, its state. */
  remove(tenant: string, id: string, actor: string): Promise<void>;
}

/** Who a credential speaks for. */
export interface Principal {
  readonly kind: "device" | "admin";
  readonly tenant: string;
  /** Device id, or the name of the admin token. */
  readonly id: string;
  /** Present for a device that may publish for others. */
  readonly isGateway?: true;
}

/** Devices that publish for others. */
export interface GatewayStore {
  /**
   * Those of these devices that the gateway may publish for now: itself and its own that are enabled; of those that do not exist the ones that it
   * may create, which are created. Never one that somebody has removed.
   */
  publishable(tenant: string, gateway: string, ids: readonly string[]): Promise<readonly string[]>;
}

export interface CredentialStore {
  /** Makes a new 256-bit token for the device, shown once; the older ones stop working when `revokeOlder`. */
  issueDeviceToken(tenant: string, device: string, revokeOlder: boolean, actor: string): Promise<string>;
  issueAdminToken(name: string, actor: string): Promise<string>;
  hasAdminToken(): Promise<boolean>;
  /** Looks a token up by HMAC-SHA256. Null when unknown, revoked, or its device is disabled or removed. */
  verify(token: string): Promise<Principal | null>;
}

export interface ConfigStore {
  types(tenant: string): Promise<readonly DeviceType[]>;
  rules(tenant: string): Promise<readonly AlarmRule[]>;
  tables(tenant: string): Promise<readonly ReferenceTable[]>;
  /** Creates or replaces types, rules and devices, all or none. Unchanged ones make no control record. Returns what changed. */
  apply(config: ConfigDocument, actor: string): Promise<ApplySummary>;
  removeRule(tenant: string, id: string, actor: string): Promise<void>;
  removeTable(tenant: string, id: string, actor: string): Promise<void>;
  removeType(tenant: string, id: string, actor: string): Promise<void>;
}

export interface ConfigDocument {
  readonly types: readonly DeviceType[];
  readonly rules: readonly AlarmRule[];
  /** Reference tables, each whole. */
  readonly tables?: readonly ReferenceTable[];
  readonly devices: readonly DeviceInput[];
}

export interface ApplySummary {
  readonly created: number;
  readonly changed: number;
  readonly unchanged: number;
}

/** A device that brings the token along that its firmware already has. */
export interface ImportedDevice extends DeviceInput {
  readonly token?: string;
}

export interface ImportSummary extends ApplySummary {
  /** Tokens that are new. */
  readonly tokens: number;
}

export interface DeviceImporter {
  /**
   * Creates or updates devices and makes the given tokens theirs, beside those that they have, all or none. INVALID_INPUT for a token
   * that is not 8–256 visible ASCII characters, ALREADY_EXISTS for one that belongs to somebody else.
   */
  importDevices(devices: readonly ImportedDevice[], actor: string): Promise<ImportSummary>;
}

/** Configuration of all tenants as of a revision: every control record up to it is in there. */
export interface ConfigurationOf {
  readonly revision: number;
  readonly types: readonly DeviceType[];
  readonly rules: readonly AlarmRule[];
  readonly tables: readonly ReferenceTable[];
  readonly devices: readonly DeviceState[];
}

/** Where a control record goes: one device's partition, or every partition. */
export interface OutboxEntry {
  readonly sequence: number;
  readonly key: string | null;
  readonly control: ControlRecord;
}

/** Control records on their way into the log, and what the earlier ones amount to. One relay takes them in order. */
export interface ControlOutbox {
  /** The oldest entries. One that cannot be read is moved to the audit, so that it does not hold up the others, and logged. */
  pending(limit: number): Promise<readonly OutboxEntry[]>;
  /** Everything up to and including `sequence` is in the log. */
  markSent(sequence: number): Promise<void>;
  /** Resolves when something may have been queued since the last `pending`, by whatever process; after `waitMs`, or on abort, all the same. */
  changed(waitMs: number, stopping?: AbortSignal): Promise<void>;
  /** Queues a control record that is no registry change: flush, operator action. */
  enqueue(key: string | null, control: ControlRecord, actor: string): Promise<number>;
  /** All that there is, for a topic to which control records go from now on. */
  configuration(): Promise<ConfigurationOf>;
  /** Resolves when all entries up to `sequence` (default: all that exist now) are in the log. TIMED_OUT after `waitMs`. */
  drained(waitMs: number, sequence?: number): Promise<void>;
}

export interface AlarmState {
  readonly id: string;
  readonly tenant: string;
  readonly device: string;
  readonly rule: string;
  readonly ruleName: string;
  readonly severity: Severity;
  readonly active: boolean;
  readonly raisedAt: number;
  readonly clearedAt: number | null;
  readonly metric: string | null;
  readonly value: number | null;
  readonly message: string;
}

export interface AlarmQuery {
  readonly tenant: string;
  readonly active?: boolean;
  readonly device?: string;
  readonly after?: string;
  readonly limit: number;
}

/** What a person is to be told: an alarm transition or a fault of the platform itself. */
export interface Notification {
  /** Stable: the receiver drops repeats by it. */
  readonly id: string;
  readonly kind: "alarm" | "platform";
  readonly body: object;
  readonly attempts: number;
}

/** Alarms as they stand, and the durable outbox of notifications. Fed by sinks/notify from the `alarms` topic. */
export interface AlarmStore {
  /**
   * Applies transitions and queues one notification for each (alarm id, transition) never seen before, and a copy of it for each
   * destination named in `copies`, with the reader's new positions, in one transaction.
   */
  applyEvents(
    events: readonly AlarmEvent[],
    positions: Readonly<Record<string, number>>,
    copies?: readonly string[],
  ): Promise<void>;
  positions(): Promise<Readonly<Record<string, number>>>;
  list(query: AlarmQuery): Promise<Page<AlarmState>>;
  get(tenant: string, id: string): Promise<AlarmState | null>;
  counts(tenant: string): Promise<{ readonly active: number; readonly total: number }>;
}

/** Whose row of the outbox it is. A copy's id ends with `@` and its destination's name, 12 hex digits; null: the one without. */
export type Addressee = string | null;

export interface NotificationOutbox {
  enqueue(id: string, kind: Notification["kind"], body: object): Promise<void>;
  /** The longest due first, without those of the addressees `except`: what they wait for must not hide the others. */
  due(nowMs: number, limit: number, except?: readonly Addressee[]): Promise<readonly Notification[]>;
  /** How many wait for this addressee, due or not. */
  waiting(addressee: Addressee): Promise<number>;
  settle(
    id: string,
    result:
      | { readonly delivered: true }
      | { readonly delivered: false; readonly nextAttemptAt: number | null; readonly error: string },
  ): Promise<void>;
  /** Nobody will be told of these, all in one transaction: one for each would hold up whoever waits for the registry. */
  giveUp(ids: readonly string[], error: string): Promise<void>;
  counts(): Promise<{ readonly pending: number; readonly delivered: number; readonly failed: number }>;
}

export interface AuditEntry {
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly detail: string;
}

export interface AuditStore {
  list(options: { readonly limit: number; readonly after?: string }): Promise<Page<AuditEntry>>;
  record(actor: string, action: string, target: string, detail: string): Promise<void>;
}

/** One open registry. */
export interface Registry extends DeviceImporter {
  readonly devices: DeviceStore;
  readonly credentials: CredentialStore;
  readonly gateways: GatewayStore;
  readonly config: ConfigStore;
  readonly controlOutbox: ControlOutbox;
  readonly alarms: AlarmStore;
  readonly notifications: NotificationOutbox;
  readonly audit: AuditStore;
  readonly functions: FunctionStore;
  readonly rollouts: RolloutStore;
  /** Batched last-seen times: key `tenant/device` → receive time. */
  touch(lastSeen: ReadonlyMap<string, number>): Promise<void>;
  /**
   * Called after a commit with the keys (`tenant/device`) whose credentials may no longer be honoured; in every process that has this
   * registry open, in under a second while its database answers. The call that revoked resolves when all listeners of its own process
   * have; they do not reject, since the change is made.
   */
  onRevoked(listener: (keys: readonly string[]) => Promise<void> | void): void;
  close(): Promise<void>;
}
