/** Those with the greatest values, greatest first; what has 0 or less is left out. Never holds more than twice as many. */
export function greatest<T>(all: Iterable<T>, count: number, valueOf: (one: T) => number): readonly T[] {
  let kept: { readonly one: T; readonly value: number }[] = [];
  let least = 0;
  const cut = () => (kept = kept.toSorted((a, b) => b.value - a.value).slice(0, count));
  for (const one of all) {
    const value = valueOf(one);
    if (!(value > least)) continue;
    kept.push({ one, value });
    if (kept.length >= 2 * count) least = cut().at(-1)?.value ?? 0;
  }
  return cut().map(({ one }) => one);
}
