import { expect, it } from "vitest";
import { CLIENT, fullOf, message, session, SMALL_LIMITS, type SuiteContext, texts, to } from "./session-stand.ts";

export function concurrencyCases(context: SuiteContext): void {
  it("lets calls take effect in the order in which they were made, reads among them", async () => {
    const { store } = context;
    const calls = [
      store.put(session()),
      store.enqueue(message("a"), [to()]),
      store.queued(CLIENT, 0, 10),
      store.settle(CLIENT, 1),
      store.queued(CLIENT, 0, 10),
      store.receive(CLIENT, 3, "three"),
      store.received(CLIENT),
      store.complete(CLIENT, 3),
      store.received(CLIENT),
      store.retain({ topic: "t/a", payload: Buffer.from("x"), qos: 1 }),
      store.retained("t/"),
      store.retain({ topic: "t/a", payload: Buffer.alloc(0), qos: 1 }),
      store.retained("t/"),
      store.enqueue(message("b"), [to()]),
      store.remove(CLIENT),
      store.enqueue(message("c"), [to()]),
      store.put(session()),
      store.queued(CLIENT, 0, 10),
    ] as const;
    const results = await Promise.all(calls);
    expect(results[2]).toMatchObject([{ sequence: 1 }]);
    expect(results[4]).toEqual([]);
    expect(results[6]).toEqual(new Map([[3, "three"]]));
    expect(results[8]).toEqual(new Map());
    expect(results[10]).toHaveLength(1);
    expect(results[12]).toEqual([]);
    expect(results[17]).toEqual([]);
  });

  it("keeps to its ceilings when many calls come at once, and answers each", async () => {
    const { store } = context;
    const { sessionQueueMessagesMax: countMax } = SMALL_LIMITS;
    await store.put(session());
    const given = Array.from({ length: countMax + 5 }, (_, n) => `${n}`);
    const answers = await Promise.all(given.map((text) => fullOf(store, message(text), [to()])));
    expect(answers.map((full) => full.length)).toEqual(given.map((_, n) => (n < countMax ? 0 : 1)));
    expect(await texts(store)).toEqual(given.slice(0, countMax));
  });

  it("gives many sessions theirs, in order", async () => {
    const names = Array.from({ length: 50 }, (_, n) => `c/${n}`);
    await Promise.all(names.map((name) => context.store.put(session(name))));
    const targets = names.map((name) => to(name));
    await Promise.all(["a", "b", "c"].map((text) => context.store.enqueue(message(text), targets)));
    await context.reopen();
    for (const name of names) expect(await texts(context.store, name)).toEqual(["a", "b", "c"]);
  });
}
