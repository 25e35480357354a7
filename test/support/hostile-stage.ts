import { defineMap } from "../../core/function.ts";
import type { StageDefinition } from "../../core/stage.ts";

/** What a reading has the hostile function do. */
export const MISDEEDS = ["throw", "loop", "exit", "heap", "map", "reject", "loop-later"] as const;
export type Misdeed = (typeof MISDEEDS)[number];

const leaked = new Map<number, object>();

const deeds: Readonly<Record<string, () => void>> = {
  throw() {
    throw new RangeError("as the reading says");
  },
  loop() {
    for (;;);
  },
  exit() {
    process.exit(0);
  },
  heap() {
    const kept: object[] = [];
    for (;;) kept.push({ some: "memory", of: kept.length });
  },
  /** Grows by doubling: each time in one step. */
  map() {
    const kept = new Map<number, readonly number[]>();
    for (;;)
      kept.set(
        kept.size,
        Array.from({ length: 30 }, () => 0),
      );
  },
  /** Comes back, and keeps about 10 MB. Not a misdeed of one record. */
  leak() {
    for (let n = 0; n < 100_000; n += 1) leaked.set(leaked.size, { some: "memory" });
  },
  reject() {
    void Promise.reject(new Error("nobody waits for this"));
  },
  "loop-later"() {
    void Promise.resolve().then(() => {
      for (;;);
    });
  },
};

/** Does what the reading's `do` says, if that is a misdeed. */
export const hostile = defineMap<"readings">({
  name: "hostile",
  version: 1,
  input: "readings",
  outputs: ["device-events"],
  process(reading, context) {
    deeds[String(reading.metrics["do"])]?.();
    context.emit("device-events", { ts: reading.ts, by: "hostile" });
  },
});

const friendly = defineMap<"readings">({
  name: "friendly",
  version: 1,
  input: "readings",
  outputs: ["device-events"],
  process(reading, context) {
    context.emit("device-events", { ts: reading.ts, by: "friendly" });
  },
});

export const hostileStage: StageDefinition = { name: "hostile", input: "readings", functions: [friendly, hostile] };
