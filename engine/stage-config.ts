import { z } from "zod";
import { alarmRuleSchema } from "../core/alarm-rule.ts";
import { compareBytes } from "./byte-order.ts";
import { referenceTableSchema } from "../core/reference-table.ts";
import { defaultDeviceType, deviceTypeSchema } from "../core/device-type.ts";
import { frozen } from "../core/frozen.ts";
import { deviceKey } from "../core/ids.ts";
import { EngineSlot } from "./state-slots.ts";
import { PARTITION_KEY } from "./state-store.ts";
import type { AlarmRule } from "../core/alarm-rule.ts";
import type { ControlRecord, DeviceState } from "../core/control.ts";
import type { ReferenceTable } from "../core/reference-table.ts";
import type { DeviceType } from "../core/device-type.ts";
import type { ConfigView, DeviceLabels } from "../core/function.ts";
import type { KeyState } from "./key-state.ts";
import type { StateStore } from "./state-store.ts";

export const CONFIG_FUNCTION = "$config";

/** One target of control records: what it is as of its revision, null once removed. */
interface Versioned<Value> {
  readonly revision: number;
  readonly value: Value | null;
}

const deviceSchema: z.ZodType<DeviceState> = z.object({
  tenant: z.string(),
  id: z.string(),
  type: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  disabled: z.boolean(),
});

/** Made once each: zod compiles a schema when it is first used, and there is a slot for every device. */
const VERSIONED = {
  type: versioned<DeviceType>(deviceTypeSchema),
  rule: versioned<AlarmRule>(alarmRuleSchema),
  table: versioned<ReferenceTable>(referenceTableSchema),
  device: versioned(deviceSchema),
};

function versioned<Value>(schema: z.ZodType<Value>): z.ZodType<Versioned<Value>> {
  return z.object({ revision: z.number(), value: schema.nullable() });
}

type ConfigSlots<Value> = Map<string, EngineSlot<Versioned<Value>>>;
type ConfigControl = Extract<
  ControlRecord,
  { kind: "device-type" | "alarm-rule" | "reference-table" | "device" | "config-snapshot" }
>;

/** What applies to one device, worked out once per configuration. Type and labels are frozen: users' functions are given them as they are. */
export interface DeviceConfig {
  readonly type: DeviceType;
  readonly rules: readonly AlarmRule[];
  readonly accepted: boolean;
  /** True once a control record has removed the device. */
  readonly removed: boolean;
  readonly labels: DeviceLabels;
}

/** The same, and the counts of changes that it is of. */
export interface ResolvedConfig {
  readonly version: number;
  readonly deviceVersion: number;
  readonly of: DeviceConfig;
}

/**
 * The configuration of a partition as its control records made it so far: types, rules and devices with their revisions, kept as
 * state slots. Revisions are taken as one growing sequence, so that a record that comes again, or after a snapshot that has it, is told.
 */
export class StageConfig implements ConfigView {
  private readonly store: StateStore;
  private readonly types: ConfigSlots<DeviceType> = new Map();
  private readonly rules: ConfigSlots<AlarmRule> = new Map();
  private readonly tables: ConfigSlots<ReferenceTable> = new Map();
  private readonly devices: ConfigSlots<DeviceState> = new Map();
  /** Counts what may concern many devices, and what concerns one. */
  private version = 0;
  private deviceVersion = 0;
  private readonly defaultTypes = new Map<string, DeviceType>();
  private readonly rulesByTenant = new Map<string, readonly AlarmRule[]>();

  constructor(store: StateStore) {
    this.store = store;
  }

  deviceType(tenant: string, device: string): DeviceType {
    return this.of(this.store.key(deviceKey(tenant, device))).type;
  }

  alarmRules(tenant: string, device: string): readonly AlarmRule[] {
    return this.of(this.store.key(deviceKey(tenant, device))).rules;
  }

  reference(tenant: string, table: string, key: string): unknown {
    const rows = this.tables.get(deviceKey(tenant, table))?.value?.value?.rows;
    return rows !== undefined && Object.hasOwn(rows, key) ? rows[key] : undefined;
  }

  isAccepted(tenant: string, device: string): boolean {
    return this.of(this.store.key(deviceKey(tenant, device))).accepted;
  }

  deviceLabels(tenant: string, device: string): DeviceLabels {
    return this.of(this.store.key(deviceKey(tenant, device))).labels;
  }

  /** What applies to the device of this key. */
  of(key: KeyState): DeviceConfig {
    const { config } = key;
    // What is joined has the device's configuration under other keys than the device's own.
    const isOfNow = key.joinedBy === null || config?.deviceVersion === this.deviceVersion;
    if (config?.version === this.version && isOfNow) return config.of;
    const made = this.resolve(key.deviceKey, key.tenant);
    key.config = { version: this.version, deviceVersion: this.deviceVersion, of: made };
    return made;
  }

  /** The device's type as its control record names it, whether or not that type exists. */
  typeIdOf(key: string): string | null {
    return this.devices.get(key)?.value?.value?.type ?? null;
  }

  /** Applies a control record. False when it changed nothing: its revision was known, or it said what held already. */
  apply(control: ConfigControl): boolean {
    const changed = this.write(control);
    if (changed && control.kind === "device") this.forgetDevice(deviceKey(control.device.tenant, control.device.id));
    else if (changed) this.forgetResolved();
    return changed;
  }

  restore(key: string, name: string, text: string | null): void {
    if (name === "device") this.deviceSlot(key).restore(text);
    else if (name.startsWith("type/")) this.typeSlot(name.slice("type/".length)).restore(text);
    else if (name.startsWith("table/")) this.tableSlot(name.slice("table/".length)).restore(text);
    else if (name.startsWith("rule/")) this.ruleSlot(name.slice("rule/".length)).restore(text);
  }

  /** What was worked out of the configuration before holds no more. To be called too when it was restored. */
  forgetResolved(): void {
    this.version += 1;
    this.rulesByTenant.clear();
  }

  /** The same of one device: those that report are changed one by one, and there may be a thousand rules to look through for each. */
  private forgetDevice(key: string): void {
    this.deviceVersion += 1;
    this.store.key(key).config = null;
  }

  private write(control: ConfigControl): boolean {
    switch (control.kind) {
      case "device-type": {
        const { type, revision, removed } = control;
        return put(this.typeSlot(deviceKey(type.tenant, type.id)), revision, removed ? null : type);
      }
      case "alarm-rule": {
        const { rule, revision, removed } = control;
        return put(this.ruleSlot(deviceKey(rule.tenant, rule.id)), revision, removed ? null : rule);
      }
      case "reference-table": {
        const { table, revision, removed } = control;
        return put(this.tableSlot(deviceKey(table.tenant, table.id)), revision, removed ? null : table);
      }
      case "device": {
        const { device, revision, removed } = control;
        return put(this.deviceSlot(deviceKey(device.tenant, device.id)), revision, removed ? null : device);
      }
      case "config-snapshot": {
        const { revision } = control;
        const types = replaceAll(this.types, control.types, revision, (id) => this.typeSlot(id));
        const rules = replaceAll(this.rules, control.rules, revision, (id) => this.ruleSlot(id));
        const tables =
          control.tables !== undefined && replaceAll(this.tables, control.tables, revision, (id) => this.tableSlot(id));
        const devices = replaceAll(this.devices, control.devices, revision, (id) => this.deviceSlot(id));
        return types || rules || tables || devices;
      }
    }
  }

  private resolve(key: string, tenant: string): DeviceConfig {
    const slot = this.devices.get(key)?.value ?? null;
    const device = slot?.value ?? null;
    const removed = slot !== null && device === null;
    const accepted = !removed && device?.disabled !== true;
    const typeId = device?.type ?? null;
    const type = typeId === null ? null : this.types.get(deviceKey(tenant, typeId))?.value?.value;
    // A device that may not report has no rules: a disabled one must not be alarmed as silent.
    const rules = accepted ? this.tenantRules(tenant).filter((rule) => selects(rule, typeId, device)) : [];
    const labels = { type: typeId, labels: frozen(device?.labels ?? {}) };
    return { type: frozen(type ?? this.defaultType(tenant)), rules, accepted, removed, labels };
  }

  private tenantRules(tenant: string): readonly AlarmRule[] {
    const known = this.rulesByTenant.get(tenant);
    if (known !== undefined) return known;
    const rules = [...this.rules.values()].flatMap((slot) => slot.value?.value ?? []);
    const made = rules.filter((rule) => rule.tenant === tenant && rule.enabled);
    made.sort((a, b) => compareBytes(a.id, b.id));
    this.rulesByTenant.set(tenant, made);
    return made;
  }

  private defaultType(tenant: string): DeviceType {
    const known = this.defaultTypes.get(tenant);
    if (known !== undefined) return known;
    const made = defaultDeviceType(tenant);
    this.defaultTypes.set(tenant, made);
    return made;
  }

  private typeSlot(id: string): EngineSlot<Versioned<DeviceType>> {
    return this.slotIn(this.types, id, VERSIONED.type, PARTITION_KEY, `type/${id}`);
  }

  private ruleSlot(id: string): EngineSlot<Versioned<AlarmRule>> {
    return this.slotIn(this.rules, id, VERSIONED.rule, PARTITION_KEY, `rule/${id}`);
  }

  private tableSlot(id: string): EngineSlot<Versioned<ReferenceTable>> {
    return this.slotIn(this.tables, id, VERSIONED.table, PARTITION_KEY, `table/${id}`);
  }

  private deviceSlot(key: string): EngineSlot<Versioned<DeviceState>> {
    return this.slotIn(this.devices, key, VERSIONED.device, key, "device");
  }

  private slotIn<Value>(
    slots: ConfigSlots<Value>,
    id: string,
    schema: z.ZodType<Versioned<Value>>,
    key: string,
    name: string,
  ): EngineSlot<Versioned<Value>> {
    const known = slots.get(id);
    if (known !== undefined) return known;
    const made = new EngineSlot<Versioned<Value>>(this.store, schema, CONFIG_FUNCTION, key, name);
    this.store.key(key).addEngineSlot(made);
    slots.set(id, made);
    return made;
  }
}

function put<Value>(slot: EngineSlot<Versioned<Value>>, revision: number, value: Value | null): boolean {
  const known = slot.value;
  if (known !== null && revision <= known.revision) return false;
  slot.set({ revision, value });
  return JSON.stringify(known?.value ?? null) !== JSON.stringify(value) || known === null;
}

/** A snapshot replaces everything up to its revision: what it does not name is gone. */
function replaceAll<Value extends { readonly tenant: string; readonly id: string }>(
  slots: ConfigSlots<Value>,
  values: readonly Value[],
  revision: number,
  slotOf: (id: string) => EngineSlot<Versioned<Value>>,
): boolean {
  let changed = false;
  const named = new Set<string>();
  for (const value of values) {
    const id = deviceKey(value.tenant, value.id);
    named.add(id);
    changed = put(slotOf(id), revision, value) || changed;
  }
  for (const [id, slot] of slots) {
    if (!named.has(id) && slot.value?.value != null) changed = put(slot, revision, null) || changed;
  }
  return changed;
}

function selects(rule: AlarmRule, typeId: string | null, device: DeviceState | null): boolean {
  if (rule.select.type !== undefined && rule.select.type !== typeId) return false;
  const labels = Object.entries(rule.select.labels ?? {});
  return labels.every(([name, value]) => {
    return device !== null && Object.hasOwn(device.labels, name) && device.labels[name] === value;
  });
}
