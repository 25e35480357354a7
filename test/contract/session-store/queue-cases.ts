import { expect, it } from "vitest";
import { CLIENT, message, session, SMALL_LIMITS, type SuiteContext, texts, to } from "./session-stand.ts";

const OTHER = "acme/pump-2/reader";

export function queueCases(context: SuiteContext): void {
  it("gives a message back as it came, to each session with its QoS", async () => {
    const { store } = context;
    const given = message("21 °C", { topic: "millrace/acme//x", retain: true, queuedAt: 123 });
    await store.put(session());
    await store.put(session(OTHER));
    expect(await store.enqueue(given, [to(CLIENT, 1), to(OTHER, 2)])).toEqual([]);
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
    for (let n = 0; n < countMax; n++) expect(await store.enqueue(message(`${n}`), [to()])).toEqual([]);
    expect(await store.enqueue(message("more"), [to(OTHER), to()])).toEqual([CLIENT]);
    expect(await texts(store, OTHER)).toEqual(["more"]);
    await context.reopen();
    expect(await context.store.enqueue(message("more"), [to()])).toEqual([CLIENT]);
    const [first] = await context.store.queued(CLIENT, 0, 1);
    await context.store.settle(CLIENT, first?.sequence ?? 0);
    expect(await context.store.enqueue(message("more"), [to()])).toEqual([]);
    expect((await texts(context.store)).at(-1)).toBe("more");
    expect(await texts(context.store)).toHaveLength(countMax);
  });

  it("takes no more bytes than a session may have, to the byte", async () => {
    const whole = message("x".repeat(SMALL_LIMITS.sessionQueueBytesMax - 1));
    await context.store.put(session());
    expect(await context.store.enqueue(whole, [to()])).toEqual([]);
    expect(await context.store.enqueue(message("yy"), [to()])).toEqual([CLIENT]);
    await context.reopen();
    expect(await context.store.enqueue(message("yy"), [to()])).toEqual([CLIENT]);
    expect(await context.store.enqueue(message("y"), [to()])).toEqual([]);
    expect(await context.store.enqueue(message("z"), [to()])).toEqual([CLIENT]);
    const [first] = await context.store.queued(CLIENT, 0, 1);
    await context.store.settle(CLIENT, first?.sequence ?? 0);
    expect(await context.store.enqueue(message("z"), [to()])).toEqual([]);
  });

  it("takes no more bytes than all sessions may have together, until a session is removed", async () => {
    const big = message("x".repeat(250_000));
    const names = ["a", "b", "c"];
    for (const name of names) await context.store.put(session(name));
    expect(
      await context.store.enqueue(
        big,
        names.map((name) => to(name)),
      ),
    ).toEqual(["c"]);
    await context.reopen();
    expect(await context.store.enqueue(message("y"), [to("c")])).toEqual(["c"]);
    await context.store.remove("a");
    expect(await context.store.enqueue(big, [to("c")])).toEqual([]);
    expect(await context.store.enqueue(message("y"), [to("c")])).toEqual(["c"]);
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
}
