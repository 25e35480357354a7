/** Numbers in [0, 1) that follow from the seed alone. For simulations and samples, not for secrets. */
export function seededRandom(seed: string): () => number {
  let state = hashOf(seed);
  return () => {
    // A counter with a good step, stirred by multiplications and shifts until every bit depends on every other.
    state = (state + 0x9e3779b9) | 0;
    let x = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** FNV-1a over UTF-16 units. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
