import { setTimeout as delay } from "node:timers/promises";
import { judgeCanary } from "./canary-verdict.ts";
import { healthOf } from "./process-health.ts";
import { ROLE_ORDER, type Roster, type Slot, type UpgradeRole } from "./roster.ts";
import type { Release } from "./release.ts";

export interface RollOptions {
  readonly roster: Roster;
  readonly from: Release;
  readonly to: Release;
  /** How long the first process of a role runs beside those of the release before, until it is judged. */
  readonly canaryMs: number;
  /** Called while both releases run, behind each verdict to go on. */
  readonly onSideBySide?: (role: UpgradeRole) => Promise<void>;
  readonly say: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface Rolled {
  readonly outcome: "upgraded" | "went back";
  /** Of a canary that was worse than its peers. */
  readonly reasons: readonly string[];
}

/** Roles whose first process is judged before the others follow: those that share the load. */
const CANARY_ROLES: readonly UpgradeRole[] = ["processors", "gateway"];

/** From one release to another, role by role, process by process. A process that does not become ready, or a canary that is worse, brings everything back. */
export async function rollOn(options: RollOptions): Promise<Rolled> {
  const { say } = options;
  const done: Slot[] = [];
  for (const role of ROLE_ORDER) {
    const reasons = await rollRole(role, done, options);
    if (reasons.length === 0) continue;
    say(`going back: ${reasons.join("; ")}`);
    await goBack(done, options);
    return { outcome: "went back", reasons };
  }
  return { outcome: "upgraded", reasons: [] };
}

/** Why it does not go on; empty when it does. */
async function rollRole(role: UpgradeRole, done: Slot[], options: RollOptions): Promise<readonly string[]> {
  const { roster, to, say, signal } = options;
  const [first, ...others] = roster.slotsOf(role);
  for (const slot of first === undefined ? [] : [first, ...others]) {
    signal?.throwIfAborted();
    const refusal = await roster.replace(slot, to);
    if (refusal !== "") return [refusal];
    done.push(slot);
    if (slot !== first) continue;
    if (CANARY_ROLES.includes(role) && others.length > 0) {
      const reasons = await worseThanPeers(slot, others, options);
      if (reasons.length > 0) return reasons;
      say(`the canary of ${role} is no worse than its peers after ${options.canaryMs / 1000} s`);
    }
    await options.onSideBySide?.(role);
  }
  return [];
}

/** The way back: the last first, so that readers of what is new go last. Nothing is judged: where it goes is known. */
async function goBack(done: readonly Slot[], { roster, from }: RollOptions): Promise<void> {
  for (const slot of done.toReversed()) await replaceForSure(roster, slot, from);
}

/** After an upgrade that has been made. */
export async function rollBack(roster: Roster, to: Release): Promise<void> {
  for (const role of ROLE_ORDER.toReversed())
    for (const slot of roster.slotsOf(role)) await replaceForSure(roster, slot, to);
}

async function replaceForSure(roster: Roster, slot: Slot, to: Release): Promise<void> {
  const refusal = await roster.replace(slot, to);
  if (refusal !== "") throw new Error(`there is no way back: ${refusal}`);
}

/** Empty when it is not. */
async function worseThanPeers(canary: Slot, peers: readonly Slot[], options: RollOptions): Promise<readonly string[]> {
  const { roster, canaryMs, signal } = options;
  await delay(canaryMs, undefined, signal === undefined ? {} : { signal });
  const health = (slot: Slot) => healthOf(roster.nameIn(slot), roster.processIn(slot));
  const verdict = judgeCanary(await health(canary), await Promise.all(peers.map(health)));
  return verdict.goOn ? [] : verdict.reasons;
}
