import { expect, it } from "vitest";
import { CLIENT, fullOf, message, session, type SuiteContext, texts, to } from "./session-stand.ts";

const SUBSCRIPTIONS = [
  { filter: "millrace/acme/+/telemetry", qos: 1 },
  { filter: "$share/workers/millrace/acme/#", qos: 2 },
  { filter: "a//b/", qos: 0 },
] as const;

export function sessionCases(context: SuiteContext): void {
  it("has none at first", async () => {
    expect(await context.reopen()).toEqual([]);
    expect(await context.store.queued(CLIENT, 0, 10)).toEqual([]);
    expect(await context.store.received(CLIENT)).toEqual(new Map());
    expect(await context.store.find(CLIENT)).toBeNull();
  });

  it("has them again after it was opened again", async () => {
    const kept = session(CLIENT, { subscriptions: SUBSCRIPTIONS, disconnectedAt: 1_700_000_000_123 });
    await context.store.put(kept);
    await context.store.put(session("other/d/c"));
    const loaded = await context.reopen();
    expect(loaded).toHaveLength(2);
    expect(loaded).toContainEqual(kept);
    expect(loaded).toContainEqual(session("other/d/c"));
  });

  it("replaces subscriptions and the time of the end, and leaves queue and packet ids alone", async () => {
    await context.store.put(session(CLIENT, { subscriptions: SUBSCRIPTIONS }));
    await context.store.enqueue(message("one"), [to()]);
    await context.store.receive(CLIENT, 7, "id-7");
    const after = session(CLIENT, { subscriptions: SUBSCRIPTIONS.slice(1), disconnectedAt: 5 });
    await context.store.put(after);
    expect(await texts(context.store)).toEqual(["one"]);
    expect(await context.store.received(CLIENT)).toEqual(new Map([[7, "id-7"]]));
    expect(await context.store.find(CLIENT)).toEqual(after);
    expect(await context.reopen()).toEqual([after]);
    expect(await context.store.find(CLIENT)).toEqual(after);
    expect(await texts(context.store)).toEqual(["one"]);
  });

  it("removes a session with everything that is its own", async () => {
    await context.store.put(session());
    await context.store.put(session("acme/pump-1/reader2"));
    await context.store.enqueue(message("one"), [to(), to("acme/pump-1/reader2")]);
    await context.store.receive(CLIENT, 7, "id-7");
    await context.store.remove(CLIENT);
    expect(await texts(context.store)).toEqual([]);
    expect(await context.store.received(CLIENT)).toEqual(new Map());
    expect(await context.reopen()).toEqual([session("acme/pump-1/reader2")]);
    await context.store.put(session());
    expect(await texts(context.store)).toEqual([]);
    expect(await context.store.received(CLIENT)).toEqual(new Map());
    expect(await texts(context.store, "acme/pump-1/reader2")).toEqual(["one"]);
  });

  it("keeps nothing for a client that was never put", async () => {
    const { store } = context;
    await store.remove(CLIENT);
    expect(await fullOf(store, message("one"), [to()])).toEqual([]);
    await store.settle(CLIENT, 1);
    await store.release(CLIENT, 1);
    await store.receive(CLIENT, 1, "id");
    await store.complete(CLIENT, 1);
    await store.put(session());
    expect(await store.queued(CLIENT, 0, 10)).toEqual([]);
    expect(await store.received(CLIENT)).toEqual(new Map());
  });

  it.each([
    "acme/d/",
    "acme/d/a/b//c",
    "acme/d/ ' \" \\ % { } * ? [a] : ;",
    "acme/d/\u0001\u001f\u007f",
    "acme/d/ünï-水-😀",
    `acme/d/${"x".repeat(2000)}`,
    "__proto__",
  ])("keeps clients of odd names apart: %j", async (client) => {
    const names = [client, `${client}/`, `${client}1`];
    for (const name of names) await context.store.put(session(name));
    for (const name of names) await context.store.enqueue(message(name, { topic: `t/${name}` }), [to(name)]);
    const loaded = await context.reopen();
    expect(loaded.map((one) => one.client).toSorted()).toEqual(names.toSorted());
    for (const name of names) expect(await texts(context.store, name)).toEqual([name]);
    await context.store.remove(client);
    for (const name of names.slice(1)) expect(await texts(context.store, name)).toEqual([name]);
  });
}
