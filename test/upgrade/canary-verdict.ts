/** What is known of a process at a moment. Counts are since its start. */
export interface ProcessHealth {
  readonly name: string;
  readonly hasEnded: boolean;
  /** What `/readyz` says; empty when it is ready, null when it does not answer. */
  readonly reasons: readonly string[] | null;
  /** That stand beside: it goes on, and something is wrong. */
  readonly faults: readonly string[];
  /** Lines of level error or worse that it has logged. */
  readonly errors: number;
  /** What its counters of failures add up to, by name. */
  readonly failures: Readonly<Record<string, number>>;
  /** Messages or records that it has worked. */
  readonly worked: number;
}

export type CanaryVerdict =
  | { readonly goOn: true }
  | { readonly goOn: false; readonly reasons: readonly [string, ...string[]] };

/**
 * Whether a release goes on to the next process, of the canary and its peers of the release before as they stand after a while side by side.
 * It goes back when the canary is worse than the worst of its peers: ended, not ready where they are, more errors or failures for what it has
 * worked; and when it has worked nothing while they did, since then nothing is known of it.
 */
export function judgeCanary(canary: ProcessHealth, peers: readonly ProcessHealth[]): CanaryVerdict {
  if (canary.hasEnded) return goBack(["it has ended by itself"]);
  const { reasons } = canary;
  const peersReady = peers.every((peer) => peer.reasons?.length === 0);
  const found: string[] = [];
  if (reasons === null) found.push("it does not answer /readyz");
  else if (reasons.length > 0 && peersReady) found.push(`it is not ready, and its peers are: ${reasons.join("; ")}`);
  if (canary.faults.length > 0 && peers.every(({ faults }) => faults.length === 0))
    found.push(`it has a fault, and its peers have none: ${canary.faults.join("; ")}`);
  if (canary.worked === 0 && peers.some(({ worked }) => worked > 0)) found.push("it has worked nothing");
  found.push(...moreOf("errors in the log", canary, peers, ({ errors }) => errors));
  for (const name of Object.keys(canary.failures))
    found.push(...moreOf(name, canary, peers, ({ failures }) => failures[name] ?? 0));
  return goBack(found);
}

/** One that nothing is wrong with goes on. */
function goBack(found: readonly string[]): CanaryVerdict {
  const [first, ...rest] = found;
  return first === undefined ? { goOn: true } : { goOn: false, reasons: [first, ...rest] };
}

/** By what was worked: who has done more may have failed more. */
function moreOf(
  what: string,
  canary: ProcessHealth,
  peers: readonly ProcessHealth[],
  count: (health: ProcessHealth) => number,
): string[] {
  const rate = (health: ProcessHealth): number => count(health) / Math.max(1, health.worked);
  const worst = Math.max(0, ...peers.map(rate));
  if (count(canary) === 0 || rate(canary) <= worst) return [];
  const most = Math.max(0, ...peers.map(count));
  return [`${count(canary)} ${what} in ${canary.worked} worked, where a peer has at most ${most}`];
}
