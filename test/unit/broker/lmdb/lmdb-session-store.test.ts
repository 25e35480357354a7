import { mkdtemp, open, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMetrics } from "../../../../core/metrics.ts";
import { CLIENT, fullOf, message, session, texts, to } from "../../../contract/session-store/session-stand.ts";
import { openSessionStore } from "../../../support/lmdb-session-store.ts";

const PAGE_BYTES = 4096;

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "millrace-sessions-"));
});
afterEach(() => rm(directory, { recursive: true }));

describe("the file of the sessions", () => {
  const fill = async (): Promise<void> => {
    const store = await openSessionStore({ directory });
    const names = Array.from({ length: 200 }, (_, n) => `acme/d${n}/c`);
    await Promise.all(names.map((name) => store.put(session(name))));
    const targets = names.map((name) => to(name));
    await store.enqueue(message("x".repeat(500)), targets);
    await store.stop(AbortSignal.timeout(5000));
  };
  const overwrite = async (position: number, length: number): Promise<void> => {
    const handle = await open(join(directory, "sessions.mdb"), "r+");
    await handle.write(Buffer.alloc(length, 0xa5), 0, length, position);
    await handle.close();
  };

  it.each([
    ["its first page", 0, PAGE_BYTES],
    ["the roots of its second page", PAGE_BYTES + 48, 96],
    ["all pages behind", 2 * PAGE_BYTES, 20 * PAGE_BYTES],
  ])("is refused in a sentence when %s is damaged", async (_, position, length) => {
    await fill();
    await overwrite(position, length);
    await expect(openSessionStore({ directory })).rejects.toMatchObject({ code: "DATA_DAMAGED" });
  });

  it("is refused in a sentence when it is something else", async () => {
    await writeFile(join(directory, "sessions.mdb"), "x".repeat(10_000));
    await expect(openSessionStore({ directory })).rejects.toMatchObject({ code: "DATA_FORMAT_UNSUPPORTED" });
  });
});

describe("the store of the sessions", () => {
  it("lets what was called before its stop land, and refuses what is called afterwards", async () => {
    const store = await openSessionStore({ directory });
    const put = store.put(session());
    const enqueued = store.enqueue(message("a"), [to()]);
    const stopped = store.stop(AbortSignal.timeout(5000));
    await expect(store.put(session("late"))).rejects.toMatchObject({ code: "SESSION_STORE_IO" });
    await Promise.all([put, enqueued, stopped]);
    const again = await openSessionStore({ directory });
    expect(await texts(again)).toEqual(["a"]);
    await again.stop(AbortSignal.timeout(5000));
  });

  it("answers what waits when its stop may take no longer", async () => {
    const store = await openSessionStore({ directory });
    const put = store.put(session()).catch((error: unknown) => error);
    await store.stop(AbortSignal.abort());
    expect(await put).toMatchObject({ code: "SESSION_STORE_IO" });
  });

  it("keeps nothing in a file that was deleted, also when another one is put in its place, and tells it by itself", async () => {
    const told: string[] = [];
    const file = join(directory, "sessions.mdb");
    const store = await openSessionStore({ directory, onFault: (...fault) => void told.push(fault.join(" ")) });
    await store.put(session());
    await rename(file, `${file}.away`);
    await expect
      .poll(() => told, { timeout: 20_000 })
      .toEqual([expect.stringMatching(/^sessions raised .*was deleted or replaced.*put the file back/)]);
    await writeFile(file, "");
    await expect(store.put(session("new"))).rejects.toMatchObject({ code: "SESSION_STORE_IO" });
    await rename(`${file}.away`, file);
    await expect(store.find(CLIENT)).rejects.toMatchObject({ code: "SESSION_STORE_IO" });
    await store.stop(AbortSignal.timeout(5000));
    const again = await openSessionStore({ directory });
    expect(await again.find(CLIENT)).toEqual(session());
    await again.stop(AbortSignal.timeout(5000));
    expect(told).toHaveLength(1);
  });

  it("refuses what is called after its file was deleted, without waiting to look", async () => {
    const store = await openSessionStore({ directory });
    await rm(join(directory, "sessions.mdb"));
    await expect(store.put(session())).rejects.toMatchObject({ code: "SESSION_STORE_IO" });
    await store.stop(AbortSignal.timeout(5000));
  });

  it("drops a hundred messages that are too old at once, and more where bytes are what is missing", async () => {
    const limits = { sessionQueueMessagesMax: 300, sessionQueueBytesMax: 600, sessionMessageAgeMaxMs: 10 };
    const store = await openSessionStore({ directory, limits });
    await store.put(session());
    const at = (queuedAt: number, text: string) => message(text, { queuedAt });
    await Promise.all(Array.from({ length: 300 }, () => store.enqueue(at(0, "xx"), [to()])));
    expect(await store.enqueue(at(11, "y"), [to()])).toMatchObject({ expired: 100 });
    expect(await store.enqueue(at(11, "z".repeat(499)), [to()])).toMatchObject({ expired: 150 });
    expect(await texts(store)).toHaveLength(52);
    await store.stop(AbortSignal.timeout(5000));
  });

  it("counts what it keeps, also when it is opened again", async () => {
    const limits = { sessionQueueMessagesMax: 2 };
    const first = await openSessionStore({ directory, limits });
    await first.put(session());
    await first.put(session("other"));
    for (let n = 0; n < 3; n++) await first.enqueue(message("12345"), [to(), to("nobody")]);
    await first.stop(AbortSignal.timeout(5000));
    const metrics = createMetrics();
    const again = await openSessionStore({ directory, limits, metrics });
    const value = (name: string) => metrics.snapshot().find((sample) => sample.name === name)?.value;
    expect(value("millrace_sessions_kept")).toBe(2);
    expect(value("millrace_session_queue_messages")).toBe(2);
    expect(value("millrace_session_queue_bytes")).toBe(10);
    expect(await fullOf(again, message("x"), [to(), to("other")])).toEqual([CLIENT]);
    expect(value("millrace_session_queue_bytes")).toBe(11);
    await again.remove(CLIENT);
    expect(value("millrace_session_queue_bytes")).toBe(1);
    expect(value("millrace_sessions_kept")).toBe(1);
    await again.stop(AbortSignal.timeout(5000));
  });
});
