import { setTimeout as delay } from "node:timers/promises";
import { errorText } from "../../core/errors.ts";
import { readyReasons } from "./process-health.ts";
import type { Cluster } from "../support/cluster.ts";
import type { Launched, RoleLine } from "../support/instance.ts";
import type { Release } from "./release.ts";

/** Readers before writers, and last of all what lets people use what is new. */
export const ROLE_ORDER = ["sinks", "processors", "gateway", "api"] as const;
export type UpgradeRole = (typeof ROLE_ORDER)[number];

/** A place in the installation: one process of the role at a time, but for the moment in which one takes over from another. */
export interface Slot {
  readonly role: UpgradeRole;
  readonly number: number;
}

const READY_MS = 60_000;
const POLL_MS = 100;
/** A process gives up stopping in order after 12 s. */
const STOP_MS_MAX = 30_000;

export interface RosterOptions {
  readonly cluster: Pick<Cluster, "processes" | "start" | "forget" | "dataOf">;
  readonly slots: readonly Slot[];
  /** MQTT ports of a gateway in a slot and of the one that takes over from it, which its devices try next. */
  readonly ports: readonly (readonly [number, number])[];
  readonly say: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** Who runs in each slot. A process is replaced as a Deployment does it: start, wait until it is ready, then SIGTERM to the one before. */
export class Roster {
  readonly slots: readonly Slot[];
  /** Processes that did not stop in order within 30 s, or ended with another exit code than 0. */
  readonly badStops: string[] = [];
  private readonly options: RosterOptions;
  private readonly running = new Map<Slot, { readonly name: string; readonly release: Release }>();
  private readonly turns = new Map<Slot, number>();
  private starts = 0;

  constructor(options: RosterOptions) {
    this.options = options;
    this.slots = options.slots;
  }

  slotsOf(role: UpgradeRole): readonly Slot[] {
    return this.slots.filter((slot) => slot.role === role);
  }

  /** The data directory of a process of the role. */
  dataOf(role: UpgradeRole): string {
    return this.options.cluster.dataOf(this.nameIn(this.slotsOf(role)[0]));
  }

  processIn(slot: Slot): Launched<RoleLine> {
    const process = this.options.cluster.processes.get(this.nameIn(slot));
    if (process === undefined) throw new Error("nothing runs in the slot");
    return process;
  }

  nameIn(slot: Slot | undefined): string {
    const name = slot === undefined ? undefined : this.running.get(slot)?.name;
    if (name === undefined) throw new Error("nothing runs in the slot");
    return name;
  }

  /**
   * Empty when another process runs in the slot. Else why the one that was to does not become ready: it is ended, and the one before stays.
   */
  async replace(slot: Slot, release: Release): Promise<string> {
    const { say } = this.options;
    const before = this.running.get(slot);
    const name = `${slot.role}-${slot.number}-${++this.starts}`;
    const begun = performance.now();
    const refusal = await this.refusal(name, slot, release);
    if (refusal !== "") {
      say(`  ${name} (${release.name}) does not become ready: ${refusal}`);
      if (before === undefined) throw new Error(`${name} does not become ready: ${refusal}`);
      return `${name} does not become ready: ${refusal}`;
    }
    this.running.set(slot, { name, release });
    if (before !== undefined) await this.stop(before.name);
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    const way = before === undefined ? "" : ` in place of ${before.name} (${before.release.name})`;
    say(`  ${name} (${release.name})${way} after ${seconds} s`);
    return "";
  }

  private async refusal(name: string, slot: Slot, release: Release): Promise<string> {
    const { cluster } = this.options;
    try {
      const started = await this.start(name, slot, release);
      if (await this.becomesReady(started)) return "";
      const reasons = (await readyReasons(started)) ?? ["it does not answer"];
      await started.kill();
      cluster.forget(name);
      return reasons.join("; ");
    } catch (error) {
      this.options.signal?.throwIfAborted();
      return errorText(error);
    }
  }

  private start(name: string, slot: Slot, release: Release): Promise<Launched<RoleLine>> {
    const { cluster, ports } = this.options;
    const pair = slot.role === "gateway" ? ports[slot.number - 1] : undefined;
    const turn = (this.turns.get(slot) ?? 0) + 1;
    this.turns.set(slot, turn);
    const own = pair === undefined ? {} : { MILLRACE_MQTT_PORT: String(pair[(turn + 1) % 2]) };
    const marked = { MILLRACE_RELEASE: release.name, ...release.environment, ...own };
    return cluster.start(name, slot.role, marked, release.script === undefined ? {} : { script: release.script });
  }

  private async becomesReady(process: Launched<RoleLine>): Promise<boolean> {
    const deadline = performance.now() + READY_MS;
    while (performance.now() < deadline) {
      this.options.signal?.throwIfAborted();
      if (process.hasEnded()) return false;
      if ((await readyReasons(process))?.length === 0) return true;
      await delay(POLL_MS);
    }
    return false;
  }

  private async stop(name: string): Promise<void> {
    const { cluster } = this.options;
    const process = cluster.processes.get(name);
    const code = await Promise.race([process?.stop(), delay(STOP_MS_MAX, "hangs" as const, { ref: false })]);
    if (code !== 0) this.badStops.push(`${name}: ${String(code)}`);
    if (code === "hangs") await process?.kill();
    cluster.forget(name);
  }
}
