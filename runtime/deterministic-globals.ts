import { EventDate, hideClock } from "./no-clock.ts";

/** What would give another result in a replay, or call somebody, and what to do instead. */
const FORBIDDEN: Readonly<Record<string, string>> = {
  process: "settings come from the device's type (context.config)",
  performance: "use the reading's time (ts) or its receive time",
  crypto: "use context.random()",
  gc: "memory is looked after outside of functions",
  ...Object.fromEntries(
    ["setTimeout", "setInterval", "setImmediate", "queueMicrotask"].map((name) => [
      name,
      "a function ends when it returns; set a timer of a stream function instead",
    ]),
  ),
  ...Object.fromEntries(
    ["fetch", "WebSocket", "EventSource", "BroadcastChannel", "Worker"].map((name) => [
      name,
      "a function calls nobody; a sink or a webhook does",
    ]),
  ),
};

/** The names that a function sees instead of the real ones. Made anew for each, so that none can leave something for another. */
export function deterministicGlobals(): Readonly<Record<string, unknown>> {
  hideClock();
  const hidden = Object.entries(FORBIDDEN).map(([name, remedy]) => [name, forbidden(name, remedy)] as const);
  const own = { ...Object.fromEntries(hidden), Date: EventDate, Math: seededMath() };
  const everywhere = Object.freeze({ ...own });
  return { ...own, globalThis: everywhere, global: everywhere, self: undefined, window: undefined };
}

/** Whatever is done with it throws. */
function forbidden(name: string, remedy: string): unknown {
  const refuse = (): never => {
    throw new TypeError(`${name} is not there in a function: ${remedy}`);
  };
  return new Proxy(refuse, { get: refuse, set: refuse, has: refuse, construct: refuse });
}

function seededMath(): Math {
  const random = (): never => {
    throw new TypeError("Math.random() would give another result in a replay: use context.random()");
  };
  const properties = { ...Object.getOwnPropertyDescriptors(Math), random: { value: random } };
  return Object.freeze(Object.defineProperties(Object.create(null), properties));
}
