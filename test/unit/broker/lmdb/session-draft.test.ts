import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SessionDraft } from "../../../../broker/lmdb/session-draft.ts";
import { openSessionEnvironment, type SessionEnvironment } from "../../../../broker/lmdb/session-environment.ts";
import { encodeMessage } from "../../../../broker/session/session-values.ts";
import { CLIENT, message, session, SMALL_LIMITS, to } from "../../../contract/session-store/session-stand.ts";

describe("the draft of a commit", () => {
  let directory = "";
  let environment: SessionEnvironment;
  let draft: SessionDraft;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "millrace-draft-"));
    environment = await openSessionEnvironment(join(directory, "sessions.mdb"), 1 << 20);
    draft = new SessionDraft(environment, SMALL_LIMITS);
    draft.load();
    draft.put(session());
    draft.enqueue(encodeMessage(message("kept")), [to()]);
    draft.receive(CLIENT, 1, "kept");
    draft.retain({ topic: "t/kept", payload: Buffer.from("kept"), qos: 1 });
    await environment.root.batch(() => draft.write());
    draft.landed();
  });
  afterEach(async () => {
    await environment.root.close();
    await rm(directory, { recursive: true });
  });

  const everything = () => ({
    totals: draft.totals,
    queued: draft.queued(CLIENT, 0, 10),
    received: draft.received(CLIENT),
    retained: draft.retained(""),
    ofNew: draft.queued("new", 0, 10),
  });

  it("leaves nothing behind when its commit fails", () => {
    const before = everything();
    draft.put(session("new"));
    draft.enqueue(encodeMessage(message("given up")), [to(), to("new")]);
    draft.settle(CLIENT, 1);
    draft.receive(CLIENT, 2, "given up");
    draft.receive(CLIENT, 1, null);
    for (let n = 0; n < SMALL_LIMITS.retainedMessagesMax; n++) {
      draft.retain({ topic: `t/${n}`, payload: Buffer.from("x"), qos: 1 });
    }
    expect(draft.changed).toBe(true);
    expect(everything()).not.toEqual(before);
    draft.failed();
    expect(draft.changed).toBe(false);
    expect(everything()).toEqual(before);
    expect(draft.retain({ topic: "t/new", payload: Buffer.from("x"), qos: 1 })).toBe(true);
  });

  it("has a removed session back when its commit fails", () => {
    const before = everything();
    draft.remove(CLIENT);
    draft.put(session());
    expect(everything().queued).toEqual([]);
    draft.failed();
    expect(everything()).toEqual(before);
  });
});
