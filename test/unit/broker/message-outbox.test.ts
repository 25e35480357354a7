import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { LinkedMessage } from "../../../broker/redis/link-messages.ts";
import { createMessageOutbox } from "../../../broker/redis/message-outbox.ts";

const message = (bytes = 100): LinkedMessage => ({ topic: "t", message: { qos: 1, payload: Buffer.alloc(bytes) } });

function outboxWith(answer: () => Promise<number>, bytesMax = 1_000_000) {
  const batches: [string, number][] = [];
  const counts = { sent: 0, lost: 0 };
  const outbox = createMessageOutbox({
    send(gateway, messages) {
      batches.push([gateway, messages.length]);
      return answer();
    },
    bytesMax,
    onSent: (count) => void (counts.sent += count),
    onLost: (count) => void (counts.lost += count),
  });
  return { outbox, batches, counts };
}

describe("the outbox of messages for other gateways", () => {
  test("sends what comes in one turn in one piece for each gateway", async () => {
    const { outbox, batches, counts } = outboxWith(() => Promise.resolve(1));
    for (const gateway of ["x", "y", "x"]) outbox.add(gateway, message());
    await nextTurn();
    outbox.add("x", message());
    await nextTurn();
    expect(batches).toEqual([
      ["x", 2],
      ["y", 1],
      ["x", 1],
    ]);
    expect(counts).toEqual({ sent: 4, lost: 0 });
  });

  test("counts as lost what nobody was handed, and what Redis was lost with", async () => {
    const gone = outboxWith(() => Promise.resolve(0));
    gone.outbox.add("x", message());
    const lost = outboxWith(() => Promise.reject(new Error("ECONNRESET")));
    lost.outbox.add("x", message());
    await nextTurn();
    expect([gone.counts, lost.counts]).toEqual([
      { sent: 0, lost: 1 },
      { sent: 0, lost: 1 },
    ]);
  });

  test("holds no more than its limit while nobody answers, and takes messages again when somebody does", async () => {
    const answers: PromiseWithResolvers<number>[] = [];
    const answer = (): Promise<number> => {
      const made = Promise.withResolvers<number>();
      answers.push(made);
      return made.promise;
    };
    const { outbox, counts } = outboxWith(answer, 10_000);
    for (let n = 0; n < 100; n++) outbox.add("x", message(1000));
    await nextTurn();
    // Each takes 256 bytes beside its payload.
    expect(counts.lost).toBe(93);
    outbox.add("x", message(1000));
    expect(counts.lost).toBe(94);
    answers[0]?.resolve(1);
    await nextTurn();
    outbox.add("x", message(1000));
    expect(counts).toEqual({ sent: 7, lost: 94 });
  });
});
