import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Admission, createAdmission } from "../../../broker/admission.ts";
import { MessageOrigin } from "../../../broker/message-origin.ts";
import { MessageWindow } from "../../../broker/message-window.ts";
import { MillraceError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { createMetrics } from "../../../core/metrics.ts";
import type { AppendGroup, AppendWaiter } from "../../../core/event-log.ts";

/** A log whose groups the test begins and settles; `numbers` counts them. */
class Groups {
  readonly waiters: AppendWaiter[][] = [];
  current: AppendGroup = this.#begin();
  refusal: MillraceError | null = null;

  begin(): void {
    this.current = this.#begin();
  }

  settle(number: number, error: MillraceError | null = null): void {
    for (const waiter of this.waiters[number] ?? []) {
      if (error === null) waiter.landed();
      else waiter.failed(error);
    }
  }

  #begin(): AppendGroup {
    const waiters: AppendWaiter[] = [];
    this.waiters.push(waiters);
    return { wait: (waiter) => void waiters.push(waiter) };
  }
}

const ORIGIN = new MessageOrigin(
  { key: "acme/a", partition: 3, id: "a" },
  "t",
  { clientId: "c", format: "json" },
  "gw.1.",
);
const LOST = new MillraceError("LOG_IO", "disk gone");

function open() {
  const groups = new Groups();
  const admission: Admission = createAdmission({
    intake: {
      take() {
        if (groups.refusal !== null) throw groups.refusal;
        return groups.current;
      },
    },
    clock: { now: () => 5 },
    tracing: null,
    metrics: createMetrics(),
    admissionPrefix: "gw.1.",
  });
  const writes: number[][] = [];
  const routed: string[] = [];
  const failures: unknown[] = [];
  const window = new MessageWindow(admission, LIMITS, {
    messagesLanded(pubacks, messages) {
      const ids: number[] = [];
      for (let at = 0; at < pubacks.length; at += 4) ids.push(pubacks.readUInt16BE(at + 2));
      writes.push(ids);
      routed.push(...messages.map(({ payload }) => Buffer.from(payload).toString()));
    },
    messageFailed: (error) => failures.push(error),
  });
  const publish = (packetId: number, isRouted = false): void => {
    const source = Buffer.from(`m${packetId}`);
    const qos = packetId === 0 ? 0 : 1;
    const message = { qos, dup: false, retain: false, packetId, source, payloadStart: 0, end: source.length } as const;
    window.take(ORIGIN, message, 5, isRouted);
  };
  return { groups, admission, window, writes, routed, failures, publish };
}

describe("the window", () => {
  test("acknowledges what landed together in one write, and what is in between with it", () => {
    const { groups, window, writes, publish } = open();
    for (let id = 1; id <= 100; id += 1) publish(id);
    publish(0);
    window.skip({ qos: 1, packetId: 101 });
    expect([window.size, writes]).toEqual([101, []]);
    groups.settle(0);
    expect(writes).toEqual([Array.from({ length: 101 }, (_, index) => index + 1)]);
    expect([window.size, window.bytes]).toEqual([0, 0]);
  });

  test("keeps the order of the messages, in whatever order groups land", () => {
    const property = fc.property(
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 }),
      fc.infiniteStream(fc.nat()),
      (sizes, order) => {
        const { groups, window, writes, routed, publish } = open();
        let id = 0;
        for (const size of sizes) {
          for (let count = 0; count < size; count += 1) publish(++id, true);
          groups.begin();
        }
        const left = sizes.map((_, index) => index);
        while (left.length > 0) {
          const [landing = 0] = left.splice((order.next().value ?? 0) % left.length, 1);
          groups.settle(landing);
          const upTo = sizes.slice(0, Math.min(...left, sizes.length)).reduce((sum, size) => sum + size, 0);
          expect(writes.flat()).toEqual(Array.from({ length: upTo }, (_, index) => index + 1));
        }
        expect(routed).toEqual(writes.flat().map((packetId) => `m${packetId}`));
        expect(window.size).toBe(0);
      },
    );
    fc.assert(property);
  });

  test("acknowledges nothing behind what failed, and all before it", async () => {
    const { groups, window, writes, failures, publish } = open();
    for (const id of [1, 2, 3]) {
      publish(id);
      groups.begin();
    }
    groups.settle(2);
    groups.settle(1, LOST);
    expect([writes, failures]).toEqual([[], []]);
    groups.settle(0);
    expect([writes, failures]).toEqual([[[1]], [LOST]]);
    await window.settled();
  });

  test("tells of a refusal at once, and counts it", () => {
    const { groups, window, failures, publish } = open();
    groups.refusal = new MillraceError("LOG_FULL", "full");
    publish(1);
    expect(failures).toEqual([groups.refusal]);
    expect(window.size).toBe(0);
  });

  test("is settled when the log has answered for all", async () => {
    const { groups, window, publish } = open();
    await window.settled();
    publish(1);
    groups.begin();
    publish(2);
    let isSettled = false;
    const settled = window.settled().then(() => (isSettled = true));
    groups.settle(1);
    await Promise.resolve();
    expect(isSettled).toBe(false);
    groups.settle(0);
    await settled;
  });

  test("uses what is settled again, and acknowledges message by message as before", () => {
    const { groups, window, admission, writes, routed, publish } = open();
    for (let id = 1; id <= 20; id += 1) {
      publish(2 * id - 1, id % 2 === 0);
      if (id % 3 === 0) publish(0);
      if (id % 5 === 0) window.skip({ qos: 1, packetId: 2 * id });
      groups.begin();
      groups.settle(id - 1);
      expect([window.size, window.bytes]).toEqual([0, 0]);
    }
    const expected = Array.from({ length: 20 }, (_, n) => (n % 5 === 4 ? [2 * n + 1, 2 * n + 2] : [2 * n + 1]));
    expect(writes).toEqual(expected);
    expect(routed).toEqual(Array.from({ length: 10 }, (_, n) => `m${4 * n + 3}`));
    expect([...admission.drainLastSeen()]).toEqual([["acme/a", 5]]);
  });

  test("what was used again fails like any other", () => {
    const { groups, window, writes, failures, publish } = open();
    publish(1);
    groups.begin();
    groups.settle(0);
    publish(2);
    groups.begin();
    publish(3);
    groups.settle(2);
    groups.settle(1, LOST);
    expect([writes, failures]).toEqual([[[1]], [LOST]]);
    publish(4);
    groups.settle(2);
    expect([writes, window.size]).toEqual([[[1]], 0]);
  });

  test("acknowledges at once what leads nowhere when nothing waits", () => {
    const { window, writes } = open();
    window.skip({ qos: 1, packetId: 9 });
    window.skip({ qos: 0, packetId: 0 });
    expect(writes).toEqual([[9]]);
  });
});
