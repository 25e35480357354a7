import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RedisSessionStore } from "../../broker/redis/redis-session-store.ts";
import type { KeptSession, SessionChange, SessionStoreLimits } from "../../broker/session/session-store.ts";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { CLIENT, fullOf, message, session, texts, to } from "../contract/session-store/session-stand.ts";
import { findRedis, type RedisServer, startRedis } from "../support/redis-server.ts";

const program = findRedis();
const OTHER = "acme/pump-2/reader";
/** Changes are told in milliseconds; a machine that is busy may take longer. */
const SOON = { timeout: 30_000 };

interface Opened {
  readonly store: RedisSessionStore;
  readonly loaded: readonly KeptSession[];
  readonly told: SessionChange[];
  readonly faults: string[];
  value(name: string): number | undefined;
}

describe.skipIf(program === null)("sessions in Redis (needs the redis-server package)", () => {
  let server: RedisServer;
  let opened: Opened[];
  const folderKept = ["--appendonly", "yes", "--appendfsync", "always"];
  beforeEach(async () => {
    server = await startRedis(program ?? "", folderKept);
    opened = [];
  });
  afterEach(async () => {
    server.thaw();
    for (const { store } of opened) await store.stop(AbortSignal.timeout(1000));
    await server.dispose();
  });

  /** `answerTimeoutMs`: a busy machine must not be taken for a server that hangs. */
  async function open(
    installation = "test",
    credentials?: string,
    answerTimeoutMs = 20_000,
    limits: Partial<SessionStoreLimits> = {},
  ): Promise<Opened> {
    const metrics = createMetrics();
    const faults: string[] = [];
    const store = new RedisSessionStore({
      url: server.url(credentials),
      installation,
      logger: silentLogger,
      metrics,
      onFault: (id, transition) => void faults.push(`${id} ${transition}`),
      limits: { gatewayAnswerTimeoutMs: answerTimeoutMs, ...limits },
    });
    await store.start();
    const told: SessionChange[] = [];
    const loaded = await store.load((change) => void told.push(change));
    const value = (name: string) => metrics.snapshot().find((sample) => sample.name === name)?.value;
    const one = { store, loaded, told, faults, value };
    opened.push(one);
    return one;
  }

  const reached = ({ store }: Opened) =>
    expect
      .poll(
        () =>
          store.received("nobody").then(
            () => "reached",
            () => "away",
          ),
        SOON,
      )
      .toBe("reached");
  /** The ids of those that listen. */
  const connections = async (): Promise<readonly string[]> => {
    const list = String(await server.run(["CLIENT", "LIST", "TYPE", "pubsub"]));
    return [...list.matchAll(/^id=(\d+)/gm)].map(([, id = ""]) => id);
  };
  const rejected = { code: "SESSION_STORE_IO", retry: "later" };

  it("tell each other's changes to every gateway of the installation but the one that made them", async () => {
    const [one, two, stranger] = [await open(), await open(), await open("other")];
    await one.store.put(session());
    await one.store.enqueue(message("a"), [to(), to("nobody")]);
    await one.store.remove(CLIENT);
    await one.store.remove(CLIENT);
    const all = [
      { kind: "put", session: session() },
      { kind: "queued", client: CLIENT },
      { kind: "removed", client: CLIENT },
    ];
    await expect.poll(() => two.told, SOON).toEqual(all);
    expect(one.told).toEqual([]);
    expect(stranger.told).toEqual([]);
  });

  it("are the same for all gateways: what one queues another one delivers", async () => {
    const [one, two] = [await open(), await open()];
    await one.store.put(session());
    await Promise.all([
      one.store.enqueue(message("a"), [to()]),
      two.store.enqueue(message("b"), [to()]),
      one.store.enqueue(message("c"), [to()]),
    ]);
    expect((await texts(two.store)).toSorted()).toEqual(["a", "b", "c"]);
    await two.store.settle(CLIENT, 2);
    expect(await texts(one.store)).toHaveLength(2);
    const late = await open();
    expect(late.loaded).toEqual([session()]);
  });

  it("are there again after Redis was killed, and what was missed meanwhile is told", async () => {
    const one = await open();
    await one.store.put(session());
    await one.store.put(session(OTHER));
    await one.store.enqueue(message("a"), [to()]);
    await server.kill();
    await expect.poll(() => one.faults, SOON).toEqual(["sessions cleared", "sessions raised"]);
    await expect(one.store.put(session("new"))).rejects.toMatchObject(rejected);
    await expect(one.store.queued(CLIENT, 0, 1)).rejects.toMatchObject(rejected);
    await server.start();
    await reached(one);
    expect(one.faults.at(-1)).toBe("sessions cleared");
    expect(await texts(one.store)).toEqual(["a"]);
    expect(one.told.filter(({ kind }) => kind !== "queued")).toEqual([]);
    expect(one.told).toContainEqual({ kind: "queued", client: CLIENT });
  });

  it("tell what others changed while the connection was away, and nothing twice", async () => {
    const one = await open();
    const before = await connections();
    const two = await open();
    await one.store.put(session());
    await one.store.put(session(OTHER));
    await expect.poll(() => two.told, SOON).toHaveLength(2);
    two.told.length = 0;
    const changed = session(OTHER, { disconnectedAt: 5 });
    const added = session("third", { subscriptions: [{ filter: "a/#", qos: 1 }] });
    for (const id of (await connections()).filter((found) => !before.includes(found))) {
      await server.run(["CLIENT", "KILL", "ID", id]);
    }
    await expect.poll(() => two.faults, SOON).toEqual(["sessions cleared", "sessions raised"]);
    await Promise.all([one.store.remove(CLIENT), one.store.put(changed), one.store.put(added)]);
    // It has not come back yet: nobody told it.
    expect(two.faults).toHaveLength(2);
    expect(two.told).toEqual([]);
    await reached(two);
    const told = two.told.filter(({ kind }) => kind !== "queued");
    expect(told).toHaveLength(3);
    expect(told).toContainEqual({ kind: "removed", client: CLIENT });
    expect(told).toContainEqual({ kind: "put", session: changed });
    expect(told).toContainEqual({ kind: "put", session: added });
  });

  it("reject calls in bounded time when Redis hangs, and take them again when it does not", async () => {
    const one = await open("test", undefined, 1000);
    await one.store.put(session());
    server.freeze();
    await expect(one.store.enqueue(message("a"), [to()])).rejects.toMatchObject(rejected);
    await expect(one.store.enqueue(message("b"), [to()])).rejects.toMatchObject(rejected);
    expect(one.value("millrace_session_store_failures_total")).toBe(1);
    server.thaw();
    await reached(one);
    expect(await fullOf(one.store, message("c"), [to()])).toEqual([]);
    expect((await texts(one.store)).at(-1)).toBe("c");
  });

  it("are refused while Redis has no memory for them, which counts as a failure of the store", async () => {
    const one = await open();
    await server.run(["CONFIG", "SET", "maxmemory", "1"]);
    await expect(one.store.put(session())).rejects.toMatchObject(rejected);
    expect(one.value("millrace_session_store_failures_total")).toBe(1);
    await server.run(["CONFIG", "SET", "maxmemory", "0"]);
    await one.store.put(session());
    expect(await one.store.find(CLIENT)).toEqual(session());
  });

  it.each([
    ["has no memory for them", ["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]],
    ["has become a replica", ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]],
  ])("are a fault while Redis %s, although nobody calls and the connection stands", async (_, refuse, take) => {
    const one = await open();
    await server.run(refuse);
    await expect.poll(() => one.faults, SOON).toEqual(["sessions cleared", "sessions raised"]);
    await server.run(take);
    await expect.poll(() => one.faults, SOON).toEqual(["sessions cleared", "sessions raised", "sessions cleared"]);
    await one.store.put(session());
  });

  it("are told of by a gateway that started while Redis was away", async () => {
    const first = await open();
    await first.store.put(session());
    await server.kill();
    const one = await open();
    expect(one.loaded).toEqual([]);
    await expect(one.store.put(session(OTHER))).rejects.toMatchObject(rejected);
    await server.start();
    await reached(one);
    expect(one.told).toContainEqual({ kind: "put", session: session() });
  });

  it("are answered for before a store stops, and refused afterwards", async () => {
    const one = await open();
    const calls = [one.store.put(session()), one.store.enqueue(message("a"), [to()])];
    const stopped = one.store.stop(AbortSignal.timeout(5000));
    await expect(one.store.put(session(OTHER))).rejects.toMatchObject(rejected);
    await Promise.all([...calls, stopped]);
    expect(one.value("millrace_session_store_failures_total")).toBe(0);
    expect(await texts((await open()).store)).toEqual(["a"]);
  });

  it("need no more rights than docs/operating.md gives", async () => {
    const page = readFileSync(new URL("../../docs/operating.md", import.meta.url), "utf8");
    const [, rights = ""] = /^(ACL SETUSER millrace .+)$/m.exec(page) ?? [];
    await server.run(rights.split(" "));
    const { store, faults } = await open("test", "millrace:change-me");
    expect(faults).toEqual(["sessions cleared"]);
    await store.put(session());
    await store.enqueue(message("a"), [to(CLIENT, 2)]);
    await store.release(CLIENT, 1);
    expect(await texts(store)).toEqual(["a"]);
    await store.settle(CLIENT, 1);
    await store.receive(CLIENT, 1, "one");
    expect(await store.received(CLIENT)).toEqual(new Map([[1, "one"]]));
    await store.complete(CLIENT, 1);
    await store.retain({ topic: "t", payload: Buffer.from("x"), qos: 1 });
    expect(await store.retained("t")).toHaveLength(1);
    await store.retain({ topic: "t", payload: Buffer.alloc(0), qos: 1 });
    await store.remove(CLIENT);
    await server.run(["ACL", "SETUSER", "poor", "on", ">word", "allchannels", "+@connection", "+@pubsub"]);
    await expect(open("test", "poor:word")).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  it("drop a hundred messages that are too old at once, more where bytes are what is missing, and count them", async () => {
    const limits = { sessionQueueMessagesMax: 300, sessionQueueBytesMax: 600, sessionMessageAgeMaxMs: 10 };
    const one = await open("test", undefined, undefined, limits);
    await one.store.put(session());
    const at = (queuedAt: number, text: string) => message(text, { queuedAt });
    await Promise.all(Array.from({ length: 300 }, () => one.store.enqueue(at(0, "xx"), [to()])));
    expect(await one.store.enqueue(at(11, "y"), [to()])).toMatchObject({ expired: 100 });
    expect(await one.store.enqueue(at(11, "z".repeat(499)), [to()])).toMatchObject({ expired: 150 });
    expect(await texts(one.store)).toHaveLength(52);
    await expect.poll(() => one.value("millrace_session_queue_messages"), SOON).toBe(52);
    await expect.poll(() => one.value("millrace_session_queue_bytes"), SOON).toBe(600);
  });

  it("survive that somebody makes Redis forget its scripts", async () => {
    const one = await open();
    await one.store.put(session());
    await server.run(["SCRIPT", "FLUSH"]);
    await expect(one.store.put(session(OTHER))).rejects.toMatchObject(rejected);
    await reached(one);
    await one.store.put(session(OTHER));
  });

  it("are loaded however many they are, and counted", async () => {
    const one = await open();
    const names = Array.from({ length: 3000 }, (_, n) => `acme/d${n}/c`);
    await Promise.all(names.map((name) => one.store.put(session(name))));
    const targets = names.map((name) => to(name));
    expect(await fullOf(one.store, message("12345"), targets)).toEqual([]);
    const two = await open();
    expect(two.loaded.map(({ client }) => client).toSorted()).toEqual(names.toSorted());
    await expect.poll(() => two.value("millrace_session_queue_bytes"), SOON).toBe(15_000);
    expect(two.value("millrace_sessions_kept")).toBe(3000);
    expect(two.value("millrace_session_queue_messages")).toBe(3000);
  });

  it("are known as they are although others change them while they are being read", async () => {
    const one = await open();
    const names = Array.from({ length: 3000 }, (_, n) => `acme/d${n}/c`);
    const kept = new Map<string, KeptSession>();
    const put = async (client: string, disconnectedAt: number): Promise<void> => {
      const changed = session(client, { disconnectedAt });
      kept.set(client, changed);
      await one.store.put(changed);
    };
    await Promise.all(names.map((client) => put(client, 0)));
    // Each once more: what is missed of it is missed for good.
    const changing = (async () => {
      for (let n = 0; n < names.length; n += 20)
        await Promise.all(names.slice(n, n + 20).map((client) => put(client, 1)));
    })();
    const two = await open();
    await changing;
    const known = () => {
      const found = new Map(two.loaded.map((loaded) => [loaded.client, loaded]));
      for (const change of two.told) if (change.kind === "put") found.set(change.session.client, change.session);
      return [...kept].filter(([client, { disconnectedAt }]) => found.get(client)?.disconnectedAt !== disconnectedAt);
    };
    await expect.poll(known, SOON).toEqual([]);
  });

  it("retain more topics than one answer of Redis holds", async () => {
    const one = await open();
    const topics = Array.from({ length: 2500 }, (_, n) => `t/${n}`);
    await Promise.all(topics.map((topic) => one.store.retain({ topic, payload: Buffer.from("x"), qos: 1 })));
    expect((await one.store.retained("t/")).map(({ topic }) => topic).toSorted()).toEqual(topics.toSorted());
  });
});
