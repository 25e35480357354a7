import type { KillFigures } from "./kill-rounds.ts";

const ZERO = ["missing", "disordered", "shortened", "wrongAcks", "notCountedOnce", "ledgerDifference"] as const;

/** Names of the figures that are not as they must be. */
export function wrongOf(figures: KillFigures): string[] {
  const wrong: string[] = ZERO.filter((name) => figures[name] !== 0);
  // Rounds in which nothing was under way prove nothing.
  if (figures.acknowledged === 0 || figures.resent === 0) wrong.push("nothingUnderWay");
  return wrong;
}
