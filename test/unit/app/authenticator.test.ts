import { describe, expect, it } from "vitest";
import { createAuthenticator } from "../../../app/authenticator.ts";

/** An authenticator whose registry lets gateways publish for `own`, and what the registry was asked. */
function open(own: Set<string>, rememberedMax = 100) {
  const time = { now: 0 };
  const asked: string[] = [];
  const answers: PromiseWithResolvers<void>[] = [];
  let held = false;
  const authenticator = createAuthenticator(
    () => Promise.resolve(null),
    { now: () => time.now },
    () => Promise.resolve(null),
    async (gateway, ids) => {
      asked.push(`${gateway}: ${ids.join()}`);
      const found = ids.filter((id) => own.has(id));
      const answer = Promise.withResolvers<void>();
      answers.push(answer);
      if (held) await answer.promise;
      return found;
    },
    rememberedMax,
  );
  return {
    authenticator,
    time,
    asked,
    hold: () => void (held = true),
    release: () => {
      held = false;
      for (const answer of answers) answer.resolve();
    },
  };
}

describe("for whom a gateway may publish", () => {
  it("is remembered for a minute, gateway by gateway", async () => {
    const { authenticator, asked, time } = open(new Set(["a", "b"]));
    expect(await authenticator.findPublishable("t/gw", ["a"])).toEqual(["a"]);
    expect(await authenticator.findPublishable("t/gw", ["a", "b"])).toEqual(["a", "b"]);
    expect(await authenticator.findPublishable("t/gw", ["b", "a"])).toEqual(["b", "a"]);
    expect(await authenticator.findPublishable("t/gw-2", ["a"])).toEqual(["a"]);
    time.now = 60_000;
    await authenticator.findPublishable("t/gw", ["a"]);
    expect(asked).toEqual(["t/gw: a", "t/gw: b", "t/gw-2: a", "t/gw: a"]);
  });

  it("is asked again where it may not", async () => {
    const own = new Set(["a"]);
    const { authenticator } = open(own);
    expect(await authenticator.findPublishable("t/gw", ["a", "b"])).toEqual(["a"]);
    own.add("b");
    expect(await authenticator.findPublishable("t/gw", ["a", "b"])).toEqual(["a", "b"]);
  });

  it("is remembered of so many devices, and forgotten at once when there are more", async () => {
    const { authenticator, asked } = open(new Set(["a", "b", "c"]), 2);
    for (const id of ["a", "b", "a", "c", "a"]) expect(await authenticator.findPublishable("t/gw", [id])).toEqual([id]);
    expect(asked).toEqual(["t/gw: a", "t/gw: b", "t/gw: c", "t/gw: a"]);
  });

  it("is forgotten when anything is revoked, and an answer that was under way is not remembered", async () => {
    const own = new Set(["a"]);
    const { authenticator, hold, release } = open(own);
    await authenticator.findPublishable("t/gw", ["a"]);
    hold();
    authenticator.forget(["t/other"]);
    const late = authenticator.findPublishable("t/gw", ["a"]);
    own.delete("a");
    authenticator.forget(["t/a"]);
    release();
    await late;
    expect(await authenticator.findPublishable("t/gw", ["a"])).toEqual([]);
  });
});
