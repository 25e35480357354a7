import { LIMITS } from "../core/limits.ts";
import { MillraceError } from "../core/errors.ts";
import { compareBytes } from "./byte-order.ts";
import { SIDES_SLOT } from "./key-state.ts";
import { TIME_FUNCTION } from "./key-time.ts";
import { PARTITION_FUNCTION } from "./partition-parts.ts";
import { CONFIG_FUNCTION } from "./stage-config.ts";
import { DEPLOYED_PREFIX } from "./stage-functions.ts";
import type { Outcomes } from "../core/ledger.ts";
import type { Slot, SnapshotChunk, Step, UnitBody } from "../core/commit-unit.ts";
import type { KeyState } from "./key-state.ts";
import type { PartitionParts } from "./partition-parts.ts";

/** The last complete snapshot, and the units after it, in order. */
export interface RestoredState {
  readonly snapshot: readonly SnapshotChunk[];
  readonly units: readonly UnitBody[];
}

/** Fills fresh parts with what a journal holds. Returns the position to go on at. */
export function restoreState(parts: PartitionParts, { snapshot, units }: RestoredState): Step {
  let next: Step = { offset: 0, step: 0 };
  const restoring: Restoring = { parts, keys: new Set(), last: null, configured: false };
  for (const [index, chunk] of snapshot.entries()) {
    requireStage(parts, chunk.stage);
    if (chunk.chunk !== index) throw invalid(`chunk ${chunk.chunk} of a snapshot stands at place ${index}`);
    if (index > 0 && !sameStep(chunk.next, next)) throw invalid("the chunks of a snapshot are not of one position");
    restoreEntry(restoring, chunk);
    next = chunk.next;
  }
  return applyUnits(restoring, units, next);
}

/** Brings parts that stand at `from`, between two units, to where the units end that somebody else has committed since. */
export function resumeState(parts: PartitionParts, units: readonly UnitBody[], from: Step): Step {
  return applyUnits({ parts, keys: new Set(), last: null, configured: false }, units, from);
}

/** What of the parts a restore has changed. */
interface Restoring {
  readonly parts: PartitionParts;
  readonly keys: Set<KeyState>;
  /** The one that was restored last. */
  last: KeyState | null;
  configured: boolean;
}

function applyUnits(restoring: Restoring, units: readonly UnitBody[], from: Step): Step {
  const { parts, keys } = restoring;
  let next = from;
  for (const unit of units) {
    requireStage(parts, unit.stage);
    if (!sameStep(unit.from, next)) {
      throw invalid(`a unit begins at ${stepText(unit.from)}, but the one before it ended at ${stepText(next)}`);
    }
    restoreEntry(restoring, unit);
    next = unit.next;
  }
  parts.functions.loadRestored();
  if (restoring.configured) parts.config.forgetResolved();
  // What a device's type says decides when its timers are due.
  for (const key of restoring.configured ? parts.store.inKeyOrder() : keys) parts.queue.refresh(key);
  return next;
}

/** All state in key-byte order. At least one chunk. */
export function* snapshotChunks(parts: PartitionParts, generation: number, next: Step): Generator<SnapshotChunk> {
  const chunkOf = (chunk: number, slots: Slot[], outcomes: [string, Outcomes][]): SnapshotChunk => {
    return { v: 1, stage: parts.stage.name, generation, next, chunk, slots, outcomes };
  };
  let index = 0;
  let slots: Slot[] = [];
  let bytes = 0;
  for (const key of parts.store.inKeyOrder()) {
    for (const slot of key.slots()) {
      slots.push(slot);
      bytes += slot.key.length + slot.name.length + (slot.value?.length ?? 0);
      if (bytes < LIMITS.snapshotChunkBytes) continue;
      yield chunkOf(index, slots, []);
      index += 1;
      slots = [];
      bytes = 0;
    }
  }
  const outcomes = [...parts.counts.totals()].map(([key, total]): [string, Outcomes] => [key, { ...total }]);
  outcomes.sort(([a], [b]) => compareBytes(a, b));
  yield chunkOf(index, slots, outcomes);
}

function restoreEntry(restoring: Restoring, entry: Pick<UnitBody, "slots" | "outcomes">): void {
  for (const slot of entry.slots) restoreSlot(restoring, slot);
  for (const [key, outcomes] of entry.outcomes) restoring.parts.counts.restore(key, outcomes);
  restoring.parts.store.coolDown();
}

function restoreSlot(restoring: Restoring, { fn, key, name, value }: Slot): void {
  const { parts } = restoring;
  switch (fn) {
    case CONFIG_FUNCTION:
      if (name.startsWith(DEPLOYED_PREFIX)) parts.functions.restore(name.slice(DEPLOYED_PREFIX.length), value);
      else parts.config.restore(key, name, value);
      restoring.configured = true;
      return;
    case PARTITION_FUNCTION:
      if (name === "time") parts.partitionTime.restore(value);
      else if (name === "sweep") parts.sweep.restore(value);
      else if (name === "overdue") parts.overdue.restore(value);
      else if (name === "verdicts") parts.verdicts.restore(value);
      else if (name === "taken") parts.taken.restore(value);
      else if (name === "flushes") parts.passedFlushes.restore(value);
      return;
    default:
      restoreOfKey(keyToRestore(restoring, key), fn, name, value);
  }
}

function restoreOfKey(key: KeyState, fn: string, name: string, value: string | null): void {
  if (fn !== TIME_FUNCTION) key.functionState(fn).restore(name, value);
  else if (name === SIDES_SLOT) key.sides?.restore(value);
  else key.time.restore(value);
}

/** The slots of a key stand together, in snapshots and nearly always in units. */
function keyToRestore(restoring: Restoring, key: string): KeyState {
  if (restoring.last?.key === key) return restoring.last;
  const state = restoring.parts.store.key(key);
  restoring.keys.add(state);
  restoring.last = state;
  return state;
}

function requireStage(parts: PartitionParts, stage: string): void {
  if (stage !== parts.stage.name) throw invalid(`state of stage ${stage} was given to stage ${parts.stage.name}`);
}

function sameStep(a: Step, b: Step): boolean {
  return a.offset === b.offset && a.step === b.step;
}

function stepText({ offset, step }: Step): string {
  return `offset ${offset} step ${step}`;
}

function invalid(text: string): MillraceError {
  return new MillraceError("STATE_INVALID", text);
}
