/** Tells when what it was made of was sent, so that who gets it knows how long it took. */
export const ECHO = `import { defineMap, z } from "millrace/function";
export const echo = defineMap({
  name: "echo",
  input: z.object({ madeAt: z.number() }),
  process: ({ metrics }) => ({ echoOf: metrics.madeAt }),
});
`;
export const ECHO_METRIC = "echoOf";

/** Never comes back from a reading with `poison`. */
export const POISONED = `${ECHO}
export const picky = defineMap({
  name: "picky",
  input: z.object({ madeAt: z.number(), poison: z.number().optional() }),
  process: ({ metrics }) => {
    while (metrics.poison === 1);
    return { picked: 1 };
  },
});
`;

/** Prints 50 kB with every reading, throws on every second one, and never comes back from one with \`poison\`. */
export const HOSTILE = `${POISONED}
const line = "x".repeat(50_000);
export const noisy = defineMap({
  name: "noisy",
  input: z.object({ n: z.number() }),
  process: ({ metrics }) => {
    console.log(line, metrics.n);
    if (metrics.n % 2 === 1) throw new Error("as always");
    return { noise: metrics.n };
  },
});
`;

/** Works for about so long for each reading: a round takes 4.5 ns. */
export function busyFor(ms: number): string {
  return `import { defineMap, z } from "millrace/function";
export const busy = defineMap({
  name: "busy",
  input: z.object({ number: z.number() }),
  process: ({ metrics }) => {
    let x = metrics.number;
    for (let i = 0; i < ${Math.round(ms * 220_000)}; i += 1) x = (x * 31 + i) | 0;
    return { busy: x };
  },
});
`;
}
