import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { test } from "vitest";
import type { SessionStore } from "../../../../broker/session/session-store.ts";
import { LIMITS } from "../../../../core/limits.ts";
import { lmdbSessionStore } from "../../../support/lmdb-session-store.ts";
import { MemorySessionStore } from "../../../support/memory-session-store.ts";
import { MODEL_FILTERS, MODEL_TOPICS, SessionModel, type SessionStep } from "../../../support/session-model.ts";

const SEED = 311;
const RUNS_IN_MEMORY = 800;
const RUNS_ON_LMDB = 40;
const TIMEOUT_MS = 120_000;

const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
const topic = fc.constantFrom(...MODEL_TOPICS);
const filter = fc.constantFrom(...MODEL_FILTERS);
const step: fc.Arbitrary<SessionStep> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("publish" as const), topic, qos }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("subscribe" as const), filter, qos }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("unsubscribe" as const), filter }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("read" as const), bytes: fc.integer({ min: 1, max: 160 }) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("answer" as const), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.constant({ kind: "disconnect" as const }) },
  { weight: 4, arbitrary: fc.constant({ kind: "connect" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
  { weight: 6, arbitrary: fc.constant({ kind: "rest" as const }) },
);
const steps = fc
  .tuple(filter, qos, fc.array(step, { maxLength: 60, size: "max" }))
  .map(([one, granted, more]): SessionStep[] => [
    { kind: "connect" },
    { kind: "subscribe", filter: one, qos: granted },
    ...more,
  ]);

/** Any steps: QoS 1 at least once and QoS 2 once, in order; nothing that was not asked for, and nothing lost. */
async function holdsOn(openStore: () => SessionStore, numRuns: number): Promise<void> {
  let clients = 0;
  await fc.assert(
    fc.asyncProperty(steps, (one) => new SessionModel(openStore, `acme/a/c${++clients}`).run(one)),
    { numRuns, seed: SEED },
  );
}

test(
  "a kept session delivers what its model says, whatever its client does",
  async () => {
    const store = new MemorySessionStore(LIMITS);
    await holdsOn(() => store, RUNS_IN_MEMORY);
  },
  TIMEOUT_MS,
);

test(
  "a kept session on LMDB delivers what its model says, whatever its client does",
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "millrace-session-model-"));
    try {
      await holdsOn(() => lmdbSessionStore({ directory }), RUNS_ON_LMDB);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
  TIMEOUT_MS,
);
