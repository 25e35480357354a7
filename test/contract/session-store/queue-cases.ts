import { expect, it } from "vitest";
import type { QueueTarget } from "../../../broker/session/session-store.ts";
import { CLIENT, fullOf, message, session, SMALL_LIMITS, type SuiteContext, texts, to } from "./session-stand.ts";

const OTHER = "acme/pump-2/reader";

export function queueCases(context: SuiteContext): void {
  it("gives a message back as it came, to each session with its QoS", async () => {
    const { store } = context;
    const given = message("21 °C", { topic: "millrace/acme//x", retain: true, queuedAt: 123 });
    await store.put(session());
    await store.put(session(OTHER));
    expect(await fullOf(store, given, [to(CLIENT, 1), to(OTHER, 2)])).toEqual([]);
    await context.reopen();
    const [delivery] = await context.store.queued(CLIENT, 0, 10);
    expect(delivery).toMatchObject({ topic: given.topic, retain: true, queuedAt: 123, qos: 1, released: false });
    expect(Buffer.from(delivery?.payload ?? []).toString()).toBe("21 °C");
    expect(await context.store.queued(OTHER, 0, 10)).toMatchObject([{ qos: 2 }]);
  });

  it("gives the oldest above a sequence, in order, and no more than asked for", async () => {
    const { store } = context;
    await store.put(session());
    for (const text of ["a", "b", "c", "d"]) await store.enqueue(message(text), [to()]);
    const all = await store.queued(CLIENT, 0, 10);
    expect(await texts(store)).toEqual(["a", "b", "c", "d"]);
    expect(await store.queued(CLIENT, 0, 2)).toEqual(all.slice(0, 2));
    expect(await store.queued(CLIENT, all[1]?.sequence ?? 0, 1)).toEqual(all.slice(2, 3));
    expect(await store.queued(CLIENT, all[3]?.sequence ?? 0, 10)).toEqual([]);
  });

  it("never uses a sequence twice, whatever was settled and opened again", async () => {
    const seen: number[] = [];
    await context.store.put(session());
    for (let round = 0; round < 3; round++) {
      await context.store.enqueue(message("a"), [to()]);
      await context.store.enqueue(message("b"), [to()]);
      const sequences = (await context.store.queued(CLIENT, 0, 10)).map(({ sequence }) => sequence);
      seen.push(...sequences);
      for (const sequence of sequences.toReversed()) await context.store.settle(CLIENT, sequence);
      await context.reopen();
    }
    expect(seen).toHaveLength(6);
    expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => a - b));
    expect(seen[0]).toBeGreaterThan(0);
  });

  it("takes no more messages than a session may have, says so, and takes more when one is settled", async () => {
    const { store } = context;
    await store.put(session());
    await store.put(session(OTHER));
    const { sessionQueueMessagesMax: countMax } = SMALL_LIMITS;
    for (let n = 0; n < countMax; n++) expect(await fullOf(store, message(`${n}`), [to()])).toEqual([]);
    expect(await fullOf(store, message("more"), [to(OTHER), to()])).toEqual([CLIENT]);
    expect(await texts(store, OTHER)).toEqual(["more"]);
    await context.reopen();
    expect(await fullOf(context.store, message("more"), [to()])).toEqual([CLIENT]);
    const [first] = await context.store.queued(CLIENT, 0, 1);
    await context.store.settle(CLIENT, first?.sequence ?? 0);
    expect(await fullOf(context.store, message("more"), [to()])).toEqual([]);
    expect((await texts(context.store)).at(-1)).toBe("more");
    expect(await texts(context.store)).toHaveLength(countMax);
  });

  it("takes no more bytes than a session may have, to the byte", async () => {
    const whole = message("x".repeat(SMALL_LIMITS.sessionQueueBytesMax - 1));
    await context.store.put(session());
    expect(await fullOf(context.store, whole, [to()])).toEqual([]);
    expect(await fullOf(context.store, message("yy"), [to()])).toEqual([CLIENT]);
    await context.reopen();
    expect(await fullOf(context.store, message("yy"), [to()])).toEqual([CLIENT]);
    expect(await fullOf(context.store, message("y"), [to()])).toEqual([]);
    expect(await fullOf(context.store, message("z"), [to()])).toEqual([CLIENT]);
    const [first] = await context.store.queued(CLIENT, 0, 1);
    await context.store.settle(CLIENT, first?.sequence ?? 0);
    expect(await fullOf(context.store, message("z"), [to()])).toEqual([]);
  });

  it("takes no more bytes than all sessions may have together, until a session is removed", async () => {
    const big = message("x".repeat(250_000));
    const names = ["a", "b", "c"];
    for (const name of names) await context.store.put(session(name));
    expect(
      await fullOf(
        context.store,
        big,
        names.map((name) => to(name)),
      ),
    ).toEqual(["c"]);
    await context.reopen();
    expect(await fullOf(context.store, message("y"), [to("c")])).toEqual(["c"]);
    await context.store.remove("a");
    expect(await fullOf(context.store, big, [to("c")])).toEqual([]);
    expect(await fullOf(context.store, message("y"), [to("c")])).toEqual(["c"]);
  });

  it("keeps payloads of 128 KiB, and empty ones", async () => {
    const payload = Buffer.alloc(128 * 1024, 0xa5);
    await context.store.put(session());
    await context.store.enqueue(message("", { payload }), [to()]);
    await context.store.enqueue(message(""), [to()]);
    await context.reopen();
    const payloads = (await context.store.queued(CLIENT, 0, 10)).map((one) => Buffer.from(one.payload));
    expect(payloads.map((one) => one.length)).toEqual([payload.length, 0]);
    expect(payloads[0]?.equals(payload)).toBe(true);
  });

  it("settles what has no payload, and removes a session whose queue is empty again", async () => {
    await context.store.put(session());
    await context.store.enqueue(message(""), [to()]);
    await context.store.settle(CLIENT, 1);
    expect(await texts(context.store)).toEqual([]);
    await context.store.remove(CLIENT);
    expect(await context.reopen()).toEqual([]);
  });

  it("has taken the bytes when a call returns: the caller may use them again", async () => {
    const given = message("first");
    await context.store.put(session());
    const enqueued = context.store.enqueue(given, [to()]);
    const retained = context.store.retain({ topic: "r", payload: given.payload, qos: 0 });
    given.payload.fill(0);
    await Promise.all([enqueued, retained]);
    expect(await texts(context.store)).toEqual(["first"]);
    const [kept] = await context.store.retained("r");
    expect(Buffer.from(kept?.payload ?? []).toString()).toBe("first");
  });

  const { sessionMessageAgeMaxMs: ageMax, sessionQueueMessagesMax: countMax, sessionQueueBytesMax } = SMALL_LIMITS;
  const NOW = 1_700_000_000_000;
  const at = (queuedAt: number, text: string) => message(text, { queuedAt });

  it("takes a message where those in a full queue are too old, and says how many made room", async () => {
    const { store } = context;
    await store.put(session());
    for (let n = 0; n < countMax; n++) await store.enqueue(at(NOW + n, `${n}`), [to()]);
    expect(await store.enqueue(at(NOW + ageMax, "early"), [to()])).toEqual({ takers: ["full"], expired: 0 });
    const outcome = await store.enqueue(at(NOW + ageMax + 3, "fresh"), [to()]);
    expect(outcome).toEqual({ takers: [{ client: CLIENT }], expired: 3 });
    const left = ["3", "4", "5", "6", "7", "fresh"];
    expect(await texts(store)).toEqual(left);
    await context.reopen();
    expect(await texts(context.store)).toEqual(left);
    for (const text of ["more", "most"]) {
      expect(await fullOf(context.store, at(NOW + ageMax + 3, text), [to()])).toEqual([]);
    }
    expect(await fullOf(context.store, at(NOW + ageMax + 3, "much"), [to()])).toEqual([CLIENT]);
  });

  it("drops what is too old only when there is no room, and only before the first that is not", async () => {
    const { store } = context;
    await store.put(session());
    const given = [NOW, NOW + 2 * ageMax, ...Array.from({ length: countMax - 2 }, () => NOW)];
    for (const [n, queuedAt] of given.entries()) await store.enqueue(at(queuedAt, `${n}`), [to()]);
    expect(await texts(store)).toHaveLength(countMax);
    expect(await store.enqueue(at(NOW + 2 * ageMax, "a"), [to()])).toMatchObject({ expired: 1 });
    expect(await store.enqueue(at(NOW + 2 * ageMax, "b"), [to()])).toEqual({ takers: ["full"], expired: 0 });
    expect((await texts(store)).slice(0, 2)).toEqual(["1", "2"]);
  });

  it("keeps what its client has received, however old it is", async () => {
    const { store } = context;
    await store.put(session());
    for (let n = 1; n <= countMax; n++) await store.enqueue(at(NOW, `${n}`), [to(CLIENT, 2)]);
    for (const sequence of [1, 3]) await store.release(CLIENT, sequence);
    expect(await store.enqueue(at(NOW + ageMax + 1, "a"), [to()])).toMatchObject({ expired: countMax - 2 });
    expect(await texts(store)).toEqual(["1", "3", "a"]);
    expect(await store.queued(CLIENT, 0, 1)).toMatchObject([{ released: true }]);
  });

  it("drops what is too old where bytes are what is missing, of a session and of all, and counts them", async () => {
    const { store } = context;
    for (const client of [CLIENT, OTHER]) await store.put(session(client));
    await store.enqueue(at(NOW, "x".repeat(sessionQueueBytesMax)), [to()]);
    await store.enqueue(at(NOW + ageMax, "y".repeat(200_000)), [to(OTHER)]);
    expect(await fullOf(store, at(NOW + ageMax, "z"), [to(), to(OTHER)])).toEqual([CLIENT, OTHER]);
    expect(await fullOf(store, at(NOW + ageMax + 1, "z"), [to(), to(OTHER)])).toEqual([]);
    await context.reopen();
    expect(await fullOf(context.store, at(NOW + ageMax + 1, "z".repeat(299_998)), [to()])).toEqual([]);
    expect(await fullOf(context.store, at(NOW + ageMax + 1, "zz"), [to(OTHER)])).toEqual([OTHER]);
  });

  it("never uses a sequence twice, also when the last message was dropped and no other came", async () => {
    const { store } = context;
    await store.put(session());
    await store.enqueue(at(NOW, "old"), [to()]);
    const tooBig = at(NOW + ageMax + 1, "x".repeat(sessionQueueBytesMax + 1));
    expect(await store.enqueue(tooBig, [to()])).toEqual({ takers: ["full"], expired: 1 });
    await context.reopen();
    await context.store.enqueue(at(NOW, "next"), [to()]);
    expect(await context.store.queued(CLIENT, 0, 10)).toMatchObject([{ sequence: 2 }]);
  });

  it("gives a message of a group to the first who has a session and room", async () => {
    const { store } = context;
    await store.put(session());
    await store.put(session(OTHER));
    const shared = { ...to(), others: [to("nobody"), to(OTHER, 2)] };
    const takers = async (text: string, ...targets: readonly QueueTarget[]) =>
      (await store.enqueue(message(text), targets)).takers;
    for (let n = 0; n < countMax; n++) expect(await takers(`${n}`, shared)).toEqual([{ client: CLIENT }]);
    expect(await takers("other", shared, to())).toEqual([{ client: OTHER }, "full"]);
    expect(await store.queued(OTHER, 0, 10)).toMatchObject([{ qos: 2 }]);
    for (let n = 1; n < countMax; n++) await takers(`${n}`, to(OTHER));
    expect(await takers("nobody", shared)).toEqual(["full"]);
    expect(await takers("nobody", { ...to("a"), others: [to("b")] })).toEqual(["absent"]);
  });
}
