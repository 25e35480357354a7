/** Names of the functions: the kind of their windows. */
export const WINDOW_FUNCTIONS = ["tumbling", "hopping", "sliding", "session", "count", "calendar"] as const;
export type WindowFunction = (typeof WINDOW_FUNCTIONS)[number];

/** Tells of each reading which release has worked it. */
export const RELEASE_FUNCTION = "release";

export const TUMBLING_MS = 2000;
export const EARLY_MS = 700;
export const HOPPING_MS = 4000;
export const HOP_MS = 1000;
export const SLIDING_MS = 3000;
export const GAP_MS = 1200;
export const COUNT = 7;
export const ZONE = "Europe/Berlin";
export const TIME = { outOfOrderMs: 200, allowedLatenessMs: 3000, idleMs: 3000 };

/** A window of every kind, in a file as users write it. All releases give the same results. */
export function windowFunctions(release: number): string {
  const lateness = `allowedLateness: ${TIME.allowedLatenessMs}`;
  const merge = "merge: (a, b) => ({ values: [...a.values, ...b.values] })";
  const windows: Readonly<Record<WindowFunction, string>> = {
    tumbling: `window: tumbling(${TUMBLING_MS}), early: ${EARLY_MS}, ${lateness}`,
    hopping: `window: hopping(${HOPPING_MS}, ${HOP_MS}), ${lateness}`,
    sliding: `window: sliding(${SLIDING_MS}), ${lateness}`,
    session: `window: session(${GAP_MS}), ${merge}, ${lateness}`,
    count: `window: count(${COUNT})`,
    calendar: `window: calendar("day", "${ZONE}"), ${lateness}`,
  };
  const functions = WINDOW_FUNCTIONS.map((name) => {
    return `export const of_${name} = defineStream({ ...stats, name: "${name}", ${windows[name]} });`;
  });
  return `import { calendar, count, defineMap, defineStream, hopping, session, sliding, tumbling, z } from "millrace/function";

const input = z.object({ x: z.number() });
const stats = {
  input,
  accumulator: z.object({ values: z.array(z.number()) }),
  initial: () => ({ values: [] }),
  add: ({ values }, { metrics: { x } }) => ({ values: [...values, x] }),
  result: ({ values }) => {
    const sum = values.reduce((total, value) => total + value, 0);
    return { count: values.length, sum, odd: values.length % 2 === 1 ? sum : undefined, text: String(sum) };
  },
};
${functions.join("\n")}
export const release = defineMap({ name: "${RELEASE_FUNCTION}", input, process: () => ({ release: ${release} }) });
`;
}
