import { z } from "zod";
import { functionVersionSchema } from "../core/control.ts";
import { compareBytes } from "./byte-order.ts";
import { CONFIG_FUNCTION } from "./stage-config.ts";
import { EngineSlot } from "./state-slots.ts";
import { PARTITION_KEY } from "./state-store.ts";
import type { ControlRecord, FunctionVersion } from "../core/control.ts";
import type { InputTopic, StageFunction } from "../core/function.ts";
import type { StageDefinition } from "../core/stage.ts";
import type { OutputTopic } from "../core/topics.ts";
import type { PlacedFunction } from "./function-call.ts";
import type { SlotOwner } from "./function-state.ts";
import type { StateStore } from "./state-store.ts";

/** Runs the code of a bundle and returns the functions that it exports. Throws when it cannot. */
export type LoadFunctions = (code: string) => readonly StageFunction[];

/** Slots of deployed functions begin with this, under CONFIG_FUNCTION. */
export const DEPLOYED_PREFIX = "fn/";

const deployedSchema = z.object({ revision: z.number(), function: functionVersionSchema.nullable() });
type Deployed = z.infer<typeof deployedSchema>;
type DeployControl = Extract<ControlRecord, { kind: "deploy" }>;

/** Who owns which slots, for state that is made before its functions are known. */
export type SlotOwners = Map<string, SlotOwner>;

/**
 * The functions of a partition: those that its stage is defined with, then those that control records have deployed, by name in byte order.
 * What is deployed is kept with its code as state slots, so that a restore needs no one else.
 */
export class StageFunctions {
  byInput: Readonly<Record<InputTopic, readonly PlacedFunction[]>> = { telemetry: [], readings: [], repartition: [] };
  byName: ReadonlyMap<string, PlacedFunction> = new Map();
  private readonly store: StateStore;
  private readonly stage: StageDefinition;
  private readonly owners: SlotOwners;
  private readonly loadCode: LoadFunctions;
  private readonly slots = new Map<string, EngineSlot<Deployed>>();
  private readonly deployed = new Map<string, StageFunction>();
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

  /** From here on the function is the one of the record, or gone. False when its revision was known. Throws what loading throws. */
  deploy({ revision, removed, function: version }: DeployControl): boolean {
    const slot = this.slotOf(version.name);
    if (slot.value !== null && revision <= slot.value.revision) return false;
    const fn = removed ? null : this.load(version);
    slot.set({ revision, function: removed ? null : version });
    this.replace(version.name, fn);
    this.place();
    return true;
  }

  restore(name: string, text: string | null): void {
    this.slotOf(name).restore(text);
    this.restored.add(name);
  }

  /** After a restore. True when functions have changed by it. */
  loadRestored(): boolean {
    if (this.restored.size === 0) return false;
    for (const name of this.restored) {
      const version = this.slots.get(name)?.value?.function ?? null;
      this.replace(name, version === null ? null : this.loadOrStandIn(version));
    }
    this.restored.clear();
    this.place();
    return true;
  }

  /** True when one of them writes to the topic. */
  writesTo(topic: OutputTopic): boolean {
    return [...this.byName.values()].some(({ fn }) => fn.outputs.includes(topic));
  }

  /** Of a function that was deployed: only the main stage's readings go on to others within a stage. */
  isDeployed(name: string): boolean {
    return this.deployed.has(name);
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
      return { kind: "map", name: version.name, version: version.version, input: "readings", outputs: [], process };
    }
  }

  /** What the function keeps is read by the new one's shape, as it would be after a restore; its timers wait for one that answers. */
  private replace(name: string, fn: StageFunction | null): void {
    if (fn === null) {
      this.deployed.delete(name);
      this.owners.delete(name);
    } else {
      this.deployed.set(name, fn);
      this.owners.set(name, ownerOf(fn, true));
    }
    for (const key of this.store.inKeyOrder()) key.readAnew(name);
  }

  private place(): void {
    const deployed = [...this.deployed.values()].sort((a, b) => compareBytes(a.name, b.name));
    const placed = [...this.stage.functions, ...deployed].map((fn, index) => {
      return { index, fn, functionVersion: `${fn.name}@${fn.version}` };
    });
    this.byInput = {
      telemetry: placed.filter(({ fn }) => fn.input === "telemetry"),
      readings: placed.filter(({ fn }) => fn.input === "readings"),
      repartition: placed.filter(({ fn }) => fn.input === "repartition"),
    };
    this.byName = new Map(placed.map((one) => [one.fn.name, one]));
  }

  private slotOf(name: string): EngineSlot<Deployed> {
    const known = this.slots.get(name);
    if (known !== undefined) return known;
    const slot = DEPLOYED_PREFIX + name;
    const made = new EngineSlot(this.store, deployedSchema, CONFIG_FUNCTION, PARTITION_KEY, slot);
    this.store.key(PARTITION_KEY).engineSlots.push(made);
    this.slots.set(name, made);
    return made;
  }
}

function ownerOf(fn: StageFunction, isDeployed: boolean): SlotOwner {
  const stream = fn.kind === "stream" ? fn : null;
  return { schema: stream?.state ?? null, answersTimers: stream?.onTimer !== undefined, isDeployed };
}
