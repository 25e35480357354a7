import { z } from "zod";
import { WHOLE_SHARE, canaryName, canarySchema } from "../core/canary.ts";
import { functionVersionSchema } from "../core/control.ts";
import { compareBytes } from "./byte-order.ts";
import { hashNumber } from "./hash64.ts";
import { CONFIG_FUNCTION } from "./stage-config.ts";
import { EngineSlot } from "./state-slots.ts";
import { PARTITION_KEY } from "./state-store.ts";
import type { Canary } from "../core/canary.ts";
import type { ControlRecord, FunctionVersion } from "../core/control.ts";
import type { InputTopic, StageFunction } from "../core/function.ts";
import type { StageDefinition } from "../core/stage.ts";
import type { PlacedCanary, PlacedFunction } from "./function-call.ts";
import type { KeyState } from "./key-state.ts";
import type { OutputTopic } from "../core/topics.ts";
import type { SlotOwner } from "./function-state.ts";
import type { StateStore } from "./state-store.ts";

/** Runs the code of a bundle and returns the functions that it exports. Throws when it cannot. */
export type LoadFunctions = (code: string) => readonly StageFunction[];

/** Slots of deployed functions begin with this, under CONFIG_FUNCTION. */
export const DEPLOYED_PREFIX = "fn/";

/** `stopped`: it has cost a thread, and runs no more whatever the records say. */
const keptCanarySchema = canarySchema.extend({ stopped: z.boolean().exactOptional() });
type KeptCanary = z.infer<typeof keptCanarySchema>;
const deployedSchema = z.object({
  revision: z.number(),
  function: functionVersionSchema.nullable(),
  canary: keptCanarySchema.exactOptional(),
});
type Deployed = z.infer<typeof deployedSchema>;
const SALT_LENGTH = 8;
type DeployControl = Extract<ControlRecord, { kind: "deploy" }>;

/** What becomes of what a canary keeps, at a deploy: null when none ran, or it goes on. */
export type CanaryEnd = "becomes-live" | "is-dropped" | null;

interface Running {
  readonly fn: StageFunction;
  readonly canary: { readonly fn: StageFunction; readonly of: Canary } | null;
}

/** Who owns which slots, for state that is made before its functions are known. */
export type SlotOwners = Map<string, SlotOwner>;

/**
 * The functions of a partition: those that its stage is defined with, then those that control records have deployed, by name in byte order.
 * What is deployed is kept with its code as state slots, so that a restore needs no one else.
 */
export class StageFunctions {
  byInput: Readonly<Record<InputTopic, readonly PlacedFunction[]>> = { telemetry: [], readings: [], repartition: [] };
  byName: ReadonlyMap<string, PlacedFunction> = new Map();
  /** By the name under which its state stands: canaries too. */
  byState: ReadonlyMap<string, PlacedFunction> = new Map();
  private readonly store: StateStore;
  private readonly stage: StageDefinition;
  private readonly owners: SlotOwners;
  private readonly loadCode: LoadFunctions;
  private readonly slots = new Map<string, EngineSlot<Deployed>>();
  private readonly deployed = new Map<string, Running>();
  /** Whose slots were restored, and are not loaded yet. */
  private readonly restored = new Set<string>();

  constructor(store: StateStore, stage: StageDefinition, owners: SlotOwners, loadCode: LoadFunctions) {
    this.store = store;
    this.stage = stage;
    this.owners = owners;
    this.loadCode = loadCode;
    for (const fn of stage.functions) {
      if (fn.name.startsWith("$")) throw new TypeError(`function names must not begin with "$": ${fn.name}`);
      if (owners.has(fn.name)) throw new TypeError(`stage ${stage.name} has two functions named ${fn.name}`);
      owners.set(fn.name, ownerOf(fn, false));
    }
    this.place();
  }

  /**
   * From here on the function is the one of the record, with its canary, or gone. Null when its revision was known, else what is to become of
   * the canary that ran so far. Throws what loading throws.
   */
  deploy({ revision, removed, function: version, canary }: DeployControl): { readonly canary: CanaryEnd } | null {
    const slot = this.slotOf(version.name);
    const known = slot.value;
    if (known !== null && revision <= known.revision) return null;
    const next = removed ? null : version;
    const before = known?.canary;
    const beside = next !== null && canary !== undefined ? grown(before, canary) : undefined;
    const running = next === null ? null : this.loadAll(next, beside, (one) => this.load(one));
    slot.set({ revision, function: next, ...(beside === undefined ? {} : { canary: beside }) });
    this.replace(version.name, running);
    this.place();
    if (before === undefined || isSame(before, beside)) return { canary: null };
    // One that was stopped has not seen all: what it keeps is of no use.
    const isWhole = before.stopped !== true && isSame(before, next ?? undefined);
    return { canary: isWhole ? "becomes-live" : "is-dropped" };
  }

  restore(name: string, text: string | null): void {
    this.slotOf(name).restore(text);
    this.restored.add(name);
  }

  /** After a restore. True when functions have changed by it. */
  loadRestored(): boolean {
    if (this.restored.size === 0) return false;
    for (const name of this.restored) {
      const deployed = this.slots.get(name)?.value ?? null;
      const version = deployed?.function ?? null;
      const load = (one: FunctionVersion): StageFunction => this.loadOrStandIn(one);
      this.replace(name, version === null ? null : this.loadAll(version, deployed?.canary, load));
    }
    this.restored.clear();
    this.place();
    return true;
  }

  /** The canary (name@version) runs no more in this partition. */
  stopCanary(id: string): void {
    for (const [name, slot] of this.slots) {
      const deployed = slot.value;
      const canary = deployed?.canary;
      if (deployed === null || canary === undefined || canary.stopped === true) continue;
      if (id !== `${name}@${canary.version}`) continue;
      slot.set({ ...deployed, canary: { ...canary, stopped: true } });
    }
  }

  /** As name@version. */
  get stoppedCanaries(): readonly string[] {
    return [...this.slots].flatMap(([name, { value }]) => {
      return value?.canary?.stopped === true ? [`${name}@${value.canary.version}`] : [];
    });
  }

  /** True when one of them writes to the topic. */
  writesTo(topic: OutputTopic): boolean {
    return [...this.byName.values()].some(({ fn }) => fn.outputs.includes(topic));
  }

  private loadAll(
    version: FunctionVersion,
    canary: Canary | undefined,
    load: (version: FunctionVersion) => StageFunction,
  ): Running {
    const fn = load(version);
    if (canary === undefined) return { fn, canary: null };
    return { fn, canary: { fn: load({ ...canary, name: version.name }), of: canary } };
  }

  private load({ name, version, code }: FunctionVersion): StageFunction {
    if (this.stage.functions.some((fn) => fn.name === name)) {
      throw new TypeError(`stage ${this.stage.name} has a function "${name}" of its own`);
    }
    const fn = this.loadCode(code).find((one) => one.name === name);
    if (fn === undefined) throw new TypeError(`the code of ${name}@${version} exports no function "${name}"`);
    if (this.stage.input !== "repartition") return { ...fn, version };
    const behind = fn.kind === "map" ? fn.behind : undefined;
    if (behind === undefined) throw new TypeError(`${name}@${version} joins nothing`);
    return { ...behind, version };
  }

  /** What could be loaded when it was deployed, and cannot be now, must not keep the others from running. */
  private loadOrStandIn(version: FunctionVersion): StageFunction {
    try {
      return this.load(version);
    } catch (error) {
      const process = (): never => {
        throw error;
      };
      // Of what comes another way nothing would reach it, and the record would count as processed.
      const input = this.stage.input === "repartition" ? "repartition" : "readings";
      return { kind: "map", name: version.name, version: version.version, input, outputs: [], process };
    }
  }

  /** What the function keeps is read by the new one's shape, as it would be after a restore; its timers wait for one that answers. */
  private replace(name: string, running: Running | null): void {
    const beside = canaryName(name);
    this.deployed.delete(name);
    this.owners.delete(name);
    this.owners.delete(beside);
    if (running !== null) {
      this.deployed.set(name, running);
      this.owners.set(name, ownerOf(running.fn, true));
      if (running.canary !== null) this.owners.set(beside, ownerOf(running.canary.fn, true));
    }
    for (const key of this.store.inKeyOrder()) {
      key.readAnew(name);
      key.readAnew(beside);
    }
  }

  private place(): void {
    const deployed = [...this.deployed.values()].sort((a, b) => compareBytes(a.fn.name, b.fn.name));
    const own = this.stage.functions.map((fn): Running => ({ fn, canary: null }));
    const placed = [...own, ...deployed].map(({ fn, canary }, index) => {
      return placedAt(index, fn, fn.name, canary === null ? null : this.placedCanary(index, canary));
    });
    this.byInput = {
      telemetry: placed.filter(({ fn }) => fn.input === "telemetry"),
      readings: placed.filter(({ fn }) => fn.input === "readings"),
      repartition: placed.filter(({ fn }) => fn.input === "repartition"),
    };
    this.byName = new Map(placed.map((one) => [one.fn.name, one]));
    const canaries = placed.flatMap(({ canary }) => canary?.placed ?? []);
    this.byState = new Map([...placed, ...canaries].map((one) => [one.stateName, one]));
  }

  private placedCanary(index: number, { fn, of }: NonNullable<Running["canary"]>): PlacedCanary {
    // Of the code: functions of one bundle share their devices, and each deploy begins with others.
    const salt = of.hash.slice(0, SALT_LENGTH);
    const isIn = (key: KeyState): boolean =>
      of.share === WHOLE_SHARE || hashNumber(`${salt} ${key.key}`) % WHOLE_SHARE < of.share;
    const slot = this.slotOf(fn.name);
    return {
      placed: placedAt(index, fn, canaryName(fn.name), null),
      // Asked of the slot, because a stop may be undone with its step.
      takes: (key) => slot.value?.canary?.stopped !== true && isIn(key),
    };
  }

  private slotOf(name: string): EngineSlot<Deployed> {
    const known = this.slots.get(name);
    if (known !== undefined) return known;
    const slot = DEPLOYED_PREFIX + name;
    const made = new EngineSlot(this.store, deployedSchema, CONFIG_FUNCTION, PARTITION_KEY, slot);
    this.store.key(PARTITION_KEY).addEngineSlot(made);
    this.slots.set(name, made);
    return made;
  }
}

function isSame(one: Pick<Canary, "version" | "hash">, other?: Pick<Canary, "version" | "hash">): boolean {
  return one.version === other?.version && one.hash === other.hash;
}

/** A share never shrinks: a device that a version has begun to run for stays with it. */
function grown(before: KeptCanary | undefined, canary: Canary): KeptCanary {
  if (before === undefined || !isSame(before, canary)) return canary;
  return { ...before, share: Math.max(before.share, canary.share) };
}

function placedAt(index: number, fn: StageFunction, stateName: string, canary: PlacedCanary | null): PlacedFunction {
  return { index, fn, functionVersion: `${fn.name}@${fn.version}`, stateName, canary };
}

function ownerOf(fn: StageFunction, isDeployed: boolean): SlotOwner {
  const stream = fn.kind === "stream" ? fn : null;
  return { schema: stream?.state ?? null, answersTimers: stream?.onTimer !== undefined, isDeployed };
}
