import type { JoinSide } from "../../core/derived-records.ts";

/** What a join is to do, in words of its definition. */
export interface OracleJoin {
  readonly beforeMs: number;
  readonly afterMs: number;
  readonly latenessMs: number;
  readonly outOfOrderMs: number;
  readonly idleMs: number;
  readonly outer: "left" | "right" | "both" | undefined;
}

export type OracleStep =
  | {
      readonly kind: "reading";
      readonly key: string;
      readonly side: JoinSide;
      readonly ts: number;
      readonly id: number;
      readonly device: string;
    }
  | { readonly kind: "tick" }
  /** Of all readings when both are absent; of `partition` nothing, until both have said so. */
  | {
      readonly kind: "flush";
      readonly upTo: number;
      readonly partition?: number;
      readonly devices?: readonly string[];
    };

export interface OracleResult {
  readonly key: string;
  readonly ts: number;
  readonly left: number | null;
  readonly right: number | null;
}

interface Kept {
  readonly side: JoinSide;
  readonly ts: number;
  readonly id: number;
  met: boolean;
}

/** Time of a side: null until a reading of it has come; then it is waited for since the first one of the key. */
interface Side {
  newest: number | null;
  flushed: number;
  base: number;
  since: number;
  device: string;
}

interface KeyOf {
  readonly sides: Record<JoinSide, Side>;
  kept: Kept[];
}

const SIDES = ["left", "right"] as const;

/**
 * Joins by looking at every reading that is kept, at every step. A pair is made when its second reading comes; a reading is let go when both
 * sides have come so far that no partner of it can come, or have been silent for so long.
 */
export function joinOracle(
  join: OracleJoin,
  steps: readonly (OracleStep & { readonly received: number })[],
): { readonly results: readonly OracleResult[]; readonly late: number } {
  const keys = new Map<string, KeyOf>();
  const results: OracleResult[] = [];
  let late = 0;
  let now = 0;
  const reach = (side: JoinSide): number => (side === "left" ? join.afterMs : join.beforeMs);
  const isOuter = (side: JoinSide): boolean => join.outer === side || join.outer === "both";
  const eventTime = ({ newest, flushed }: Side): number =>
    Math.max(newest === null ? -Infinity : newest - join.outOfOrderMs, flushed);
  const watermark = ({ sides }: KeyOf): number => Math.min(eventTime(sides.left), eventTime(sides.right));
  /** Panes are let go as a whole; what has a result of its own is gone with it. */
  const endOf = ({ side, ts, met }: Kept): number => {
    const size = Math.ceil((join.beforeMs + join.afterMs + 1) / 8);
    const last = isOuter(side) && !met ? ts : Math.floor(ts / size) * size + size - 1;
    return last + reach(side) + join.latenessMs + 1;
  };
  const isOver = (side: Side, end: number, bySilence: boolean): boolean => {
    if (eventTime(side) >= end) return true;
    return bySilence && now >= side.since + join.idleMs + Math.max(0, end - (side.base - join.outOfOrderMs));
  };
  const letGo = (key: string, of: KeyOf, bySilence: boolean): void => {
    of.kept = of.kept.filter((one) => {
      const end = endOf(one);
      if (!SIDES.every((side) => isOver(of.sides[side], end, bySilence))) return true;
      if (isOuter(one.side) && !one.met) {
        results.push({ key, ts: one.ts, left: null, right: null, [one.side]: one.id });
      }
      return false;
    });
  };
  const passed = [-Infinity, -Infinity];
  const reachedBy = ({ upTo, partition }: Extract<OracleStep, { kind: "flush" }>): number => {
    if (partition === undefined) return upTo;
    passed[partition] = Math.max(passed[partition] ?? 0, upTo);
    return Math.min(...passed);
  };

  for (const step of steps) {
    now = Math.max(now, step.received);
    for (const [key, of] of keys) letGo(key, of, true);
    if (step.kind === "flush") {
      const upTo = reachedBy(step);
      for (const [key, of] of keys) {
        for (const one of SIDES.map((side) => of.sides[side])) {
          const isMeant = step.devices === undefined || (one.newest !== null && step.devices.includes(one.device));
          if (isMeant) one.flushed = Math.max(one.flushed, upTo);
        }
        letGo(key, of, true);
      }
    }
    if (step.kind !== "reading") continue;
    const { key, side, ts, id, device } = step;
    const first = { newest: null, flushed: -Infinity, base: ts, since: step.received, device };
    const of = keys.get(key) ?? { sides: { left: { ...first }, right: { ...first } }, kept: [] };
    keys.set(key, of);
    const before = watermark(of);
    const own = of.sides[side];
    if (own.newest === null || ts > own.newest) {
      of.sides[side] = { ...own, newest: ts, base: ts, since: step.received, device };
    }
    letGo(key, of, false);
    if (ts + join.latenessMs < before) {
      late += 1;
      continue;
    }
    const partners = of.kept.filter((one) => {
      const apart = side === "left" ? one.ts - ts : ts - one.ts;
      return one.side !== side && apart >= -join.beforeMs && apart <= join.afterMs;
    });
    for (const one of partners) {
      one.met = true;
      results.push({
        key,
        ts: Math.max(ts, one.ts),
        left: side === "left" ? id : one.id,
        right: side === "left" ? one.id : id,
      });
    }
    of.kept.push({ side, ts, id, met: partners.length > 0 });
  }
  return { results, late };
}
