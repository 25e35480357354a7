import { murmur2 } from "../core/partitioner.ts";

/** Seeded randomness: the same seed gives the same numbers on every machine. Not for secrets. */
export interface Random {
  /** [0, 1). */
  next(): number;
  between(min: number, max: number): number;
  /** Mean 0, standard deviation 1. */
  normal(): number;
  exponential(mean: number): number;
}

/** Streams of different seed texts are independent, so that each device, metric and feature has its own: one switched off changes no other. */
export function createRandom(seed: string): Random {
  const nextWord = createSfc32(seed);
  const next = () => nextWord() / 2 ** 32;
  return {
    next,
    between: (min, max) => min + next() * (max - min),
    // Box–Muller; 1 − next() keeps the logarithm's argument above 0.
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    exponential: (mean) => -mean * Math.log(1 - next()),
  };
}

/** Chris Doty-Humphrey's sfc32: small, fast, passes PractRand. Unsigned 32-bit words. */
function createSfc32(seed: string): () => number {
  let a = murmur2(Buffer.from(`${seed}:a`));
  let b = murmur2(Buffer.from(`${seed}:b`));
  let c = murmur2(Buffer.from(`${seed}:c`));
  let counter = 1;
  const nextWord = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  // The first words still show the seed; PractRand's own seeding drops twelve.
  for (let i = 0; i < 12; i++) nextWord();
  return nextWord;
}
