import { expect, it } from "vitest";
import { CLIENT, message, session, type SuiteContext, texts, to } from "./session-stand.ts";

export function deliveryCases(context: SuiteContext): void {
  it("drops what is settled, wherever in the queue, and is not troubled by what was settled before", async () => {
    await context.store.put(session());
    for (const text of ["a", "b", "c"]) await context.store.enqueue(message(text), [to()]);
    const second = (await context.store.queued(CLIENT, 0, 3))[1]?.sequence ?? 0;
    await context.store.settle(CLIENT, second);
    await context.store.settle(CLIENT, second);
    await context.store.settle(CLIENT, 999_999);
    expect(await texts(context.store)).toEqual(["a", "c"]);
    await context.reopen();
    expect(await texts(context.store)).toEqual(["a", "c"]);
  });

  it("keeps which deliveries the client has received, and changes nothing else of them", async () => {
    await context.store.put(session());
    await context.store.enqueue(message("a", { retain: true }), [to(CLIENT, 2)]);
    await context.store.enqueue(message("b"), [to(CLIENT, 2)]);
    const [first, second] = await context.store.queued(CLIENT, 0, 2);
    await context.store.release(CLIENT, first?.sequence ?? 0);
    await context.store.release(CLIENT, 999_999);
    const expected = [{ ...first, released: true }, second];
    expect(await context.store.queued(CLIENT, 0, 10)).toEqual(expected);
    await context.reopen();
    expect(await context.store.queued(CLIENT, 0, 10)).toEqual(expected);
    await context.store.settle(CLIENT, first?.sequence ?? 0);
    await context.store.release(CLIENT, first?.sequence ?? 0);
    expect(await texts(context.store)).toEqual(["b"]);
  });

  it("keeps the packet ids of QoS 2 messages until they are complete", async () => {
    await context.store.put(session());
    await context.store.put(session("other"));
    await context.store.receive(CLIENT, 1, "one");
    await context.store.receive(CLIENT, 65_535, "last");
    await context.store.receive("other", 1, "of the other");
    await context.reopen();
    expect(await context.store.received(CLIENT)).toEqual(
      new Map([
        [1, "one"],
        [65_535, "last"],
      ]),
    );
    await context.store.complete(CLIENT, 1);
    await context.store.complete(CLIENT, 2);
    await context.store.receive(CLIENT, 65_535, "again");
    expect(await context.store.received(CLIENT)).toEqual(new Map([[65_535, "again"]]));
    await context.reopen();
    expect(await context.store.received(CLIENT)).toEqual(new Map([[65_535, "again"]]));
    expect(await context.store.received("other")).toEqual(new Map([[1, "of the other"]]));
  });
}
