import { LIMITS } from "../core/limits.ts";

/** The word most like `word`, when it is like it at all: for "did you mean". */
export function closestWord(word: string, words: readonly string[]): string | undefined {
  const ranked = words
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best !== undefined && best.distance <= distanceMax(word) ? best.candidate : undefined;
}

/** Two, so that swapped letters count as like; short words are like nearly everything at that distance. */
function distanceMax(word: string): number {
  return word.length <= 3 ? 1 : Math.max(2, Math.floor(word.length / 3));
}

/** Levenshtein's: insertions, deletions and replacements. Long words are unlike everything. */
function editDistance(a: string, b: string): number {
  const most = LIMITS.comparedWordCharactersMax;
  if (a.length > most || b.length > most) return most;
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
