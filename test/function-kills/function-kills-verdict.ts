import type { FunctionKillsFigures } from "./function-kills.ts";

const ZERO = ["notWorkedOnce", "deadLetters", "ofWrongVersion", "tooEarly", "wrongAcks"] as const;
const ZERO_OF_WINDOWS = ["missing", "wrong", "doubled", "lateDropped"] as const;

/** Names of the figures that are not as they must be. */
export function wrongOf(figures: FunctionKillsFigures): string[] {
  const wrong: string[] = ZERO.filter((name) => figures[name] !== 0);
  for (const [name, windows] of Object.entries(figures.windows)) {
    wrong.push(...ZERO_OF_WINDOWS.filter((what) => windows[what] !== 0).map((what) => `${name}.${what}`));
    // Where nothing was expected nothing is proven.
    if (windows.expected === 0) wrong.push(`${name}.expected`);
  }
  if (!figures.balanced) wrong.push("balanced");
  if (Object.keys(figures.releases).length < 2) wrong.push("releases");
  if (figures.threadKills === 0) wrong.push("threadKills");
  return wrong;
}
