import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { isMillraceError, type MillraceError } from "../../core/errors.ts";
import { startGateway } from "../support/gateway-harness.ts";
import { findRedis, type RedisServer, startRedis } from "../support/redis-server.ts";

const program = findRedis();
const PASSWORD = "s3cret-and-long";

async function refusal(url: string): Promise<MillraceError> {
  const error: unknown = await startGateway(url).then(
    (gateway) => gateway[Symbol.asyncDispose](),
    (reason: unknown) => reason,
  );
  if (!isMillraceError(error)) throw new Error("expected a MillraceError", { cause: error });
  expect(`${error.message} ${error.remedy}`).not.toContain(PASSWORD);
  expect(error.message).not.toContain("\n");
  expect(error.remedy).toMatch(/^[A-Z][^\n]+\.$/);
  return error;
}

describe.skipIf(program === null)("a gateway's start on a real Redis (needs the redis-server package)", () => {
  const servers: RedisServer[] = [];
  const start = async (...settings: readonly string[]): Promise<RedisServer> => {
    const server = await startRedis(program ?? "", settings);
    servers.push(server);
    return server;
  };
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.dispose();
  });

  it("refuses a wrong password, a missing one and another user", async () => {
    const server = await start("--requirepass", PASSWORD);
    for (const credentials of [`:${PASSWORD}-not`, undefined, `somebody:${PASSWORD}`]) {
      expect(await refusal(server.url(credentials))).toMatchObject({
        code: "CONFIG_INVALID",
        remedy: "Correct user and password in MILLRACE_REDIS_URL.",
      });
    }
    await (await startGateway(server.url(`:${PASSWORD}`)))[Symbol.asyncDispose]();
  });

  it("refuses a user without the rights, and needs no more than docs/operating.md gives", async () => {
    const server = await start();
    await server.run(["ACL", "SETUSER", "poor", "on", `>${PASSWORD}`, "+@connection", "+publish"]);
    const error = await refusal(server.url(`poor:${PASSWORD}`));
    expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    expect(error.remedy).toContain("docs/operating.md");

    const page = readFileSync(new URL("../../docs/operating.md", import.meta.url), "utf8");
    const [, rights = ""] = /^(ACL SETUSER millrace .+)$/m.exec(page) ?? [];
    expect(rights).toContain(">change-me");
    await server.run(rights.split(" "));
    const [one, two] = [
      await startGateway(server.url("millrace:change-me")),
      await startGateway(server.url("millrace:change-me")),
    ];
    expect(one.faults.concat(two.faults).filter(({ transition }) => transition === "raised")).toEqual([]);
    await expect.poll(() => two.metric("millrace_gateway_link_gateways")).toBe(1);
    await Promise.all([one, two].map((gateway) => gateway[Symbol.asyncDispose]()));
  });

  it("refuses a replica, whose messages the others miss", async () => {
    const primary = await start();
    const replica = await start("--replicaof", `127.0.0.1 ${primary.port}`);
    expect(await refusal(replica.url())).toMatchObject({
      code: "CONFIG_INVALID",
      remedy: "Let MILLRACE_REDIS_URL lead to the primary.",
    });
  });

  it("refuses a cluster, which has no one order of messages", async () => {
    const server = await start("--cluster-enabled", "yes");
    expect((await refusal(server.url())).message).toContain("a cluster has no one order of messages");
  });

  it("takes a Redis that keeps nothing on its disk, or evicts: what that costs is in docs/operating.md", async () => {
    const server = await start("--appendonly", "no", "--maxmemory", "2mb", "--maxmemory-policy", "allkeys-lru");
    const gateway = await startGateway(server.url());
    expect(gateway.faults.map(({ transition }) => transition)).toEqual(["cleared", "cleared"]);
    await gateway[Symbol.asyncDispose]();
  });
});

/** Answers HELLO with `hello`, everything else with OK. */
async function fakeRedis(hello: string): Promise<{ readonly url: string } & AsyncDisposable> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      const commands = chunk
        .toString()
        .split(/^\*\d+\r\n/m)
        .slice(1);
      for (const command of commands) socket.write(`${command.includes("HELLO") ? hello : "+OK"}\r\n`);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `redis://:${PASSWORD}@127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

describe("a gateway's start on what is no Redis of today", () => {
  const hello = (version: string) =>
    `%3\r\n$7\r\nversion\r\n$${version.length}\r\n${version}\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster`;

  it("refuses a release that is too old", async () => {
    // One before 6 has no HELLO, and one before 7 is none that the tests run on.
    await using older = await fakeRedis("-ERR unknown command `HELLO`");
    expect(await refusal(older.url)).toMatchObject({ code: "CONFIG_INVALID", remedy: "Use Redis 7 or newer." });
    await using old = await fakeRedis(hello("6.2.7"));
    expect(await refusal(old.url)).toMatchObject({ code: "CONFIG_INVALID", remedy: "Use Redis 7 or newer." });
  });

  it("refuses what speaks its language and is none", async () => {
    await using other = await fakeRedis("+OK");
    expect(await refusal(other.url)).toMatchObject({ code: "CONFIG_INVALID" });
  });

  it("goes on without one that nobody answers for, says so in one sentence, and looks again", async () => {
    const gateway = await startGateway(`redis://:${PASSWORD}@127.0.0.1:1`);
    const texts = gateway.faults.map(({ text }) => text);
    expect(texts).toEqual([
      expect.stringMatching(
        /^sessions that are kept are not reached: Redis redis:[^\n]+ connect ECONNREFUSED [^\n]+\.$/,
      ),
      expect.stringMatching(/^other gateways are not reached: Redis redis:[^\n]+ connect ECONNREFUSED [^\n]+\.$/),
    ]);
    for (const text of texts) expect(text).toContain("Start Redis there, or correct MILLRACE_REDIS_URL.");
    expect(texts.join()).not.toContain(PASSWORD);
    await gateway[Symbol.asyncDispose]();
  });

  it("refuses what is no Redis URL without repeating it", async () => {
    expect(await refusal(`http://:${PASSWORD}@127.0.0.1`).catch(String)).toMatchObject({ code: "CONFIG_INVALID" });
  });
});
