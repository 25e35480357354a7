import { expect, it } from "vitest";
import { rejection, type SuiteContext } from "./registry-stand.ts";

export function notificationCases(context: SuiteContext): void {
  const outbox = () => context.registry.notifications;
  const enqueue = (id: string, body: object = { text: "the disk is full" }) => outbox().enqueue(id, "platform", body);

  it("is due at once and stays due until it is settled", async () => {
    await enqueue("fault-1");
    const expected = [{ id: "fault-1", kind: "platform", body: { text: "the disk is full" }, attempts: 0 }];
    expect(await outbox().due(context.time.now, 10)).toEqual(expected);
    expect(await outbox().due(context.time.now, 10)).toEqual(expected);
    await outbox().settle("fault-1", { delivered: true });
    expect(await outbox().due(context.time.now + 1e9, 10)).toEqual([]);
    expect(await outbox().counts()).toEqual({ pending: 0, delivered: 1, failed: 0 });
  });

  it("queues an id once, also after it was delivered", async () => {
    await enqueue("fault-1");
    await enqueue("fault-1", { text: "other" });
    await outbox().settle("fault-1", { delivered: true });
    await enqueue("fault-1");
    expect(await outbox().counts()).toEqual({ pending: 0, delivered: 1, failed: 0 });
  });

  it("comes back when its next attempt is due, having counted the failed one", async () => {
    await enqueue("fault-1");
    const nextAttemptAt = context.time.now + 5000;
    await outbox().settle("fault-1", { delivered: false, nextAttemptAt, error: "503" });
    expect(await outbox().due(nextAttemptAt - 1, 10)).toEqual([]);
    expect(await outbox().due(nextAttemptAt, 10)).toMatchObject([{ id: "fault-1", attempts: 1 }]);
    expect(await outbox().counts()).toEqual({ pending: 1, delivered: 0, failed: 0 });
  });

  it("fails for good when there is no next attempt", async () => {
    await enqueue("fault-1");
    await outbox().settle("fault-1", { delivered: false, nextAttemptAt: null, error: "410" });
    expect(await outbox().due(context.time.now + 1e12, 10)).toEqual([]);
    expect(await outbox().counts()).toEqual({ pending: 0, delivered: 0, failed: 1 });
  });

  it("is given up with others at once, unless somebody has been told", async () => {
    const ids = Array.from({ length: 1200 }, (_, index) => `fault-${index}`);
    for (const id of ids.slice(0, 3)) await enqueue(id);
    await outbox().settle("fault-1", { delivered: true });
    await outbox().giveUp(ids, "no destination is configured");
    expect(await outbox().due(context.time.now + 1e12, 10)).toEqual([]);
    expect(await outbox().counts()).toEqual({ pending: 0, delivered: 1, failed: 2 });
  });

  it("stays delivered when a second sender fails", async () => {
    await enqueue("fault-1");
    await outbox().settle("fault-1", { delivered: true });
    await outbox().settle("fault-1", { delivered: false, nextAttemptAt: 1, error: "timed out" });
    await outbox().settle("fault-1", { delivered: false, nextAttemptAt: null, error: "410" });
    expect(await outbox().counts()).toEqual({ pending: 0, delivered: 1, failed: 0 });
  });

  it("gives out the longest due first, and no more than asked for", async () => {
    await enqueue("first");
    await enqueue("second");
    context.time.now += 10;
    await enqueue("third");
    await outbox().settle("first", { delivered: false, nextAttemptAt: context.time.now + 5, error: "503" });
    const ids = async (limit: number) => (await outbox().due(context.time.now + 10, limit)).map(({ id }) => id);
    expect(await ids(10)).toEqual(["second", "third", "first"]);
    expect(await ids(2)).toEqual(["second", "third"]);
  });

  it("hides nobody's rows behind those of a destination that is not asked for", async () => {
    const [one, two] = ["0123456789ab", "ba9876543210"];
    for (const id of ["first", "second"]) for (const end of ["", `@${one}`, `@${two}`]) await enqueue(`${id}${end}`);
    const ids = async (except: readonly (string | null)[]) =>
      (await outbox().due(context.time.now, 2, except)).map(({ id }) => id);
    expect(await ids([])).toEqual(["first", `first@${one}`]);
    expect(await ids([null])).toEqual([`first@${one}`, `first@${two}`]);
    expect(await ids([one])).toEqual(["first", `first@${two}`]);
    expect(await ids([null, one])).toEqual([`first@${two}`, `second@${two}`]);
    expect(await ids([null, one, two])).toEqual([]);
    await outbox().settle("first", { delivered: true });
    expect(await Promise.all([null, one, two].map((addressee) => outbox().waiting(addressee)))).toEqual([1, 2, 2]);
  });

  it("cannot settle what was never queued", async () => {
    await rejection(outbox().settle("nothing", { delivered: true }), "NOT_FOUND");
  });
}
