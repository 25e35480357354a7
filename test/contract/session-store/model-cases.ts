import fc from "fast-check";
import { expect, it } from "vitest";
import type { KeptSession, SessionStore } from "../../../broker/session/session-store.ts";
import { MemorySessionStore } from "../../support/memory-session-store.ts";
import { SMALL_LIMITS, type SuiteContext } from "./session-stand.ts";

const CLIENTS = ["a/b/c", "a/b/c/", "x"];
const TOPICS = ["t", "t/a", "t/a/", "t/a/b", "t/ab", "u/水"];
const RUNS = 40;

type Call = (store: SessionStore) => Promise<unknown>;

const qos = fc.constantFrom(1 as const, 2 as const);
const anyQos = fc.constantFrom(0 as const, 1 as const, 2 as const);
const client = fc.constantFrom(...CLIENTS);
const sequence = fc.integer({ min: 0, max: 15 });
const packetId = fc.integer({ min: 1, max: 3 });
const subscriptions = fc.array(fc.record({ filter: fc.string({ unit: "grapheme", maxLength: 9 }), qos: anyQos }), {
  maxLength: 3,
});
/** Mostly far from each other, so that full queues have messages that are too old. */
const queuedAt = fc.oneof(fc.integer(), fc.integer({ min: 0, max: 3 * SMALL_LIMITS.sessionMessageAgeMaxMs }));
/** Of sizes that reach the ceilings after a few. */
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 9 }),
  fc.integer({ min: 0, max: 130_000 }).map((length) => new Uint8Array(length).fill(length)),
);
const disconnectedAt = fc.option(fc.integer({ min: 0 }));

const call: fc.Arbitrary<Call> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ client, subscriptions, disconnectedAt }).map(
      (one): Call =>
        (s) =>
          s.put(one),
    ),
  },
  {
    weight: 1,
    arbitrary: client.map(
      (one): Call =>
        (s) =>
          s.remove(one),
    ),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.record({ topic: fc.constantFrom(...TOPICS), payload, retain: fc.boolean(), queuedAt }),
        fc.array(fc.record({ client, qos, others: fc.array(fc.record({ client, qos }), { maxLength: 2 }) }), {
          maxLength: 3,
        }),
      )
      .map(
        ([message, targets]): Call =>
          (s) =>
            s.enqueue(message, targets),
      ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(client, sequence).map(
      ([one, n]): Call =>
        (s) =>
          s.settle(one, n),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(client, sequence).map(
      ([one, n]): Call =>
        (s) =>
          s.release(one, n),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(client, sequence, fc.integer({ min: 0, max: 9 })).map(
      ([one, after, count]): Call =>
        (s) =>
          s.queued(one, after, count),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(client, packetId, fc.string()).map(
      ([one, n, id]): Call =>
        (s) =>
          s.receive(one, n, id),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(client, packetId).map(
      ([one, n]): Call =>
        (s) =>
          s.complete(one, n),
    ),
  },
  {
    weight: 1,
    arbitrary: client.map(
      (one): Call =>
        (s) =>
          s.received(one),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.record({ topic: fc.constantFrom(...TOPICS), payload, qos: anyQos }).map(
      (one): Call =>
        (s) =>
          s.retain(one),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("", "t/", "t/a/", "u/").map(
      (one): Call =>
        (s) =>
          sorted(s.retained(one)),
    ),
  },
);

async function sorted(retained: ReturnType<SessionStore["retained"]>) {
  return (await retained).toSorted((a, b) => (a.topic < b.topic ? -1 : 1));
}

/** Buffers and arrays of the same bytes are the same here. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Map) return [...value].toSorted(([a], [b]) => a - b);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}

const byClient = (sessions: readonly KeptSession[]) => sessions.toSorted((a, b) => (a.client < b.client ? -1 : 1));

async function everything(store: SessionStore) {
  const ofClients = CLIENTS.flatMap((one) => [store.queued(one, 0, 100), store.received(one)]);
  return plain(await Promise.all([...ofClients, sorted(store.retained(""))]));
}

export function modelCases(context: SuiteContext): void {
  it("answers any calls as the store in memory does, reopened between them", async () => {
    const turn = fc.array(call, { maxLength: 30, size: "max" });
    const steps = fc.array(turn, { maxLength: 6, size: "max" });
    await fc.assert(
      fc.asyncProperty(steps, async (turns) => {
        for (const one of CLIENTS) await context.store.remove(one);
        for (const topic of TOPICS) await context.store.retain({ topic, payload: new Uint8Array(), qos: 0 });
        const model = new MemorySessionStore(SMALL_LIMITS);
        for (const calls of turns) {
          // All in one turn of the event loop, without waiting for one another.
          const answers = await Promise.all(calls.map((one) => one(context.store)));
          const expected = await Promise.all(calls.map((one) => one(model)));
          expect(plain(answers)).toEqual(plain(expected));
          expect(byClient(await context.reopen())).toEqual(byClient(await model.load()));
          expect(await everything(context.store)).toEqual(await everything(model));
        }
      }),
      { numRuns: RUNS },
    );
  });
}
