import fc from "fast-check";
import { expect, test } from "vitest";
import { createSendWindow } from "../../../../device-sim/replay/send-window.ts";

const bytes = (text: string) => Buffer.from(text);

test("messages leave in order until the window is full", () => {
  const window = createSendWindow(2);
  for (const text of ["a", "b", "c"]) window.enqueue(bytes(text));
  expect(window.takeNext()).toEqual({ packetId: 1, payload: bytes("a") });
  expect(window.takeNext()).toEqual({ packetId: 2, payload: bytes("b") });
  expect(window.takeNext()).toBeNull();
  expect(window.acknowledge(1)).toBe(true);
  expect(window.takeNext()).toEqual({ packetId: 3, payload: bytes("c") });
});

test("an acknowledgement of what is not out is not believed", () => {
  const window = createSendWindow(2);
  window.enqueue(bytes("a"));
  window.takeNext();
  expect(window.acknowledge(9)).toBe(false);
  expect(window.acknowledge(1)).toBe(true);
  expect(window.acknowledge(1)).toBe(false);
});

test("packet identifiers run from 1 to 65,535 and skip those that are out", () => {
  const window = createSendWindow(2);
  window.enqueue(bytes("stays"));
  expect(window.takeNext()?.packetId).toBe(1);
  for (let i = 2; i <= 65_535; i++) {
    window.enqueue(bytes("goes"));
    expect(window.takeNext()?.packetId).toBe(i);
    window.acknowledge(i);
  }
  window.enqueue(bytes("after the turn"));
  expect(window.takeNext()?.packetId).toBe(2);
});

test("whatever is acknowledged and when, what is unacknowledged stays in its order, and nothing is lost or new", () => {
  const step = fc.oneof(fc.constant("enqueue"), fc.constant("take"), fc.nat(20));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 }), fc.array(step, { maxLength: 200 }), (size, steps) => {
      const window = createSendWindow(size);
      const out: { packetId: number; text: string }[] = [];
      let enqueued = 0;
      let taken = 0;
      for (const action of steps) {
        if (action === "enqueue") window.enqueue(bytes(String(enqueued++)));
        else if (action === "take") {
          const next = window.takeNext();
          expect(next === null).toBe(taken === enqueued || out.length === size);
          if (next !== null) out.push({ packetId: next.packetId, text: String(taken++) });
        } else {
          const [acknowledged] = out.splice(Number(action) % Math.max(1, out.length), 1);
          if (acknowledged) expect(window.acknowledge(acknowledged.packetId)).toBe(true);
        }
        const seen = window.unacknowledged().map(({ packetId, payload }) => ({ packetId, text: String(payload) }));
        expect(seen).toEqual(out);
        expect([window.outstanding, window.waiting]).toEqual([out.length, enqueued - taken]);
      }
    }),
  );
});
