import { hash, randomBytes } from "node:crypto";
import type { Metrics } from "../core/metrics.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import { forgetFirst, forgottenCounter } from "./forgotten.ts";
import { createRateTable } from "./rate-table.ts";

/** What became of a question: nobody could say counts for nothing. */
export type TokenAnswer = "accepted" | "refused" | "unanswered";

/** Why a token is not looked up. */
export type HeldBack = "credentials-refused-again" | "credentials-guessed";

/**
 * Keeps guesses slow, and storms of wrong tokens away from the registry. A token that was accepted here before is always looked up, so that nobody
 * is kept out by others of the same address. One that was refused has to wait, longer each time. One that is new is looked up unless too many
 * new ones from its address were refused lately; each that is accepted makes up for one. User names and client ids count for nothing: they are free
 * text, which honest fleets share. What is kept is bounded, and of tokens only hashes.
 */
export interface TokenWatch {
  /** Why it may not be looked up; or whom to tell what became of it, in any case. `network`: see `remoteNetwork`. */
  ask(token: string, network: string): HeldBack | TokenQuestion;
}

export interface TokenQuestion {
  answered(answer: TokenAnswer): void;
}

export interface TokenWatchOptions {
  readonly limits: Pick<
    EdgeLimits,
    | "rememberedTokensMax"
    | "rememberedRefusalsMax"
    | "refusedTokensPerAddressMax"
    | "refusedTokensPerSecondPerAddressMax"
    | "refusalsPerTokenMax"
    | "refusedTokenWaitMs"
    | "refusedTokenWaitMsMax"
  >;
  readonly metrics: Metrics;
  /** Monotonic. */
  readonly nowMs: () => number;
}

interface Refusals {
  readonly count: number;
  readonly lastAt: number;
  readonly waitMs: number;
}

/** After so many of the longest waits without another refusal a token is a new one again. */
const WAITS_TO_FORGET = 10;

export function createTokenWatch({ limits, metrics, nowMs }: TokenWatchOptions): TokenWatch {
  const salt = randomBytes(16).toString("base64");
  const forgottenAccepted = forgottenCounter(metrics, "accepted-token");
  const forgottenRefused = forgottenCounter(metrics, "refused-token");
  const accepted = new Set<string>();
  const refused = new Map<string, Refusals>();
  const networks = createRateTable({
    perSecond: limits.refusedTokensPerSecondPerAddressMax,
    burst: limits.refusedTokensPerAddressMax,
    entriesMax: limits.rememberedRefusalsMax,
    forgotten: forgottenCounter(metrics, "address"),
    nowMs,
  });
  /** Questions about new tokens that are under way, by network. */
  const asking = new Map<string, number>();

  function refusalsOf(name: string): Refusals | undefined {
    const refusals = refused.get(name);
    if (refusals === undefined) return undefined;
    if (nowMs() - refusals.lastAt < limits.refusedTokenWaitMsMax * WAITS_TO_FORGET) return refusals;
    refused.delete(name);
    return undefined;
  }

  function addRefusal(name: string, before: Refusals | undefined): void {
    const count = (before?.count ?? 0) + 1;
    const doublings = count - limits.refusalsPerTokenMax;
    const waitMs =
      doublings < 0 ? 0 : Math.min(limits.refusedTokenWaitMsMax, limits.refusedTokenWaitMs * 2 ** doublings);
    refused.delete(name);
    refused.set(name, { count, lastAt: nowMs(), waitMs });
    forgetFirst(refused, limits.rememberedRefusalsMax, forgottenRefused);
  }

  /** While most of what may be refused is left, storms of right tokens are not slowed: a gateway that starts again meets one. */
  function isGuessing(network: string): boolean {
    const bucket = networks.peek(network);
    if (bucket === null || bucket.level > bucket.burst / 2) return false;
    return bucket.level - (asking.get(network) ?? 0) < 1;
  }

  function addAsking(network: string, count: number): void {
    const now = (asking.get(network) ?? 0) + count;
    if (now === 0) asking.delete(network);
    else asking.set(network, now);
  }

  function accept(name: string, network: string): void {
    refused.delete(name);
    const isNew = !accepted.delete(name);
    accepted.add(name);
    forgetFirst(accepted, limits.rememberedTokensMax, forgottenAccepted);
    const bucket = isNew ? networks.peek(network) : null;
    if (bucket !== null) bucket.level = Math.min(bucket.burst, bucket.level + 1);
  }

  return {
    ask(token, network) {
      const name = hash("sha256", salt + token, "base64");
      const wasAccepted = accepted.has(name);
      const before = wasAccepted ? undefined : refusalsOf(name);
      if (before !== undefined && nowMs() < before.lastAt + before.waitMs) return "credentials-refused-again";
      const isNew = !wasAccepted && before === undefined;
      if (isNew && isGuessing(network)) return "credentials-guessed";
      if (isNew) addAsking(network, 1);
      return {
        answered(answer) {
          if (isNew) addAsking(network, -1);
          if (answer === "accepted") accept(name, network);
          if (answer !== "refused") return;
          accepted.delete(name);
          const earlier = refusalsOf(name);
          addRefusal(name, earlier);
          // Once for each token: several questions about it may have been under way.
          if (isNew && earlier === undefined) networks.take(network);
        },
      };
    },
  };
}
