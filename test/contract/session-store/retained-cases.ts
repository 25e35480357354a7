import { expect, it } from "vitest";
import type { RetainedMessage } from "../../../broker/session/session-store.ts";
import { SMALL_LIMITS, type SuiteContext } from "./session-stand.ts";

export function retainedCases(context: SuiteContext): void {
  const retain = (topic: string, text = topic, qos: RetainedMessage["qos"] = 1) =>
    context.store.retain({ topic, payload: Buffer.from(text), qos });
  const topics = async (prefix: string) => (await context.store.retained(prefix)).map(({ topic }) => topic).toSorted();

  it("keeps the newest of a topic, with its QoS, also when it is opened again", async () => {
    expect(await retain("t/a", "old", 0)).toBe(true);
    expect(await retain("t/a", "new", 2)).toBe(true);
    await context.reopen();
    const [kept, ...others] = await context.store.retained("t/");
    expect(others).toEqual([]);
    expect(kept).toMatchObject({ topic: "t/a", qos: 2 });
    expect(Buffer.from(kept?.payload ?? []).toString()).toBe("new");
  });

  it("forgets a topic when it is given nothing", async () => {
    await retain("t/a");
    await retain("t/b");
    expect(await retain("t/a", "")).toBe(true);
    expect(await retain("t/never", "")).toBe(true);
    expect(await topics("t/")).toEqual(["t/b"]);
    await context.reopen();
    expect(await topics("t/")).toEqual(["t/b"]);
  });

  it("gives what begins with whole levels, empty ones too", async () => {
    for (const topic of ["millrace/acme/a/x", "millrace/acme/a//x", "millrace/acme/ab/x", "millrace/acme/a"]) {
      await retain(topic);
    }
    expect(await topics("millrace/acme/a/")).toEqual(["millrace/acme/a//x", "millrace/acme/a/x"]);
    expect(await topics("millrace/acme/a//")).toEqual(["millrace/acme/a//x"]);
    expect(await topics("millrace/acme/b/")).toEqual([]);
    expect(await topics("millrace/")).toHaveLength(4);
    expect(await topics("")).toHaveLength(4);
    await context.reopen();
    expect(await topics("millrace/acme/a/")).toEqual(["millrace/acme/a//x", "millrace/acme/a/x"]);
  });

  it.each(["*", "[a]", "?", "\\", "水/😀", "ÿ", "￿"])("takes a prefix as it stands: %j", async (level) => {
    await retain(`${level}/x`);
    await retain(`${level}y/x`);
    await retain("a/x");
    expect(await topics(`${level}/`)).toEqual([`${level}/x`]);
    await context.reopen();
    expect(await topics(`${level}/`)).toEqual([`${level}/x`]);
  });

  it("takes no more topics than it may have, but replaces those that it has", async () => {
    const { retainedMessagesMax: countMax } = SMALL_LIMITS;
    for (let n = 0; n < countMax; n++) expect(await retain(`t/${n}`)).toBe(true);
    expect(await retain("t/more")).toBe(false);
    await context.reopen();
    expect(await retain("t/more")).toBe(false);
    expect(await retain("t/0", "again")).toBe(true);
    expect(await retain("t/0", "")).toBe(true);
    expect(await retain("t/more")).toBe(true);
    expect(await retain("t/0")).toBe(false);
  });

  it("keeps payloads of 128 KiB", async () => {
    const payload = Buffer.alloc(128 * 1024, 0x5a);
    await context.store.retain({ topic: "big", payload, qos: 1 });
    await context.reopen();
    const [kept] = await context.store.retained("big");
    expect(Buffer.from(kept?.payload ?? []).equals(payload)).toBe(true);
  });
}
