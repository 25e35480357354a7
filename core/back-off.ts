/** Far above every ceiling that is reached by doubling, and below what a number can hold. */
const DOUBLINGS_ENOUGH = 30;

/** The pause before a further attempt: `firstMs`, doubled so many times, up to `maxMs`. */
export function backOffMs(firstMs: number, maxMs: number, doublings: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(doublings, DOUBLINGS_ENOUGH));
}

/** Between half of it and all, so that what failed together does not return together. `random`: [0, 1). */
export function withJitter(ms: number, random: () => number): number {
  return Math.round(ms * (0.5 + random() / 2));
}
