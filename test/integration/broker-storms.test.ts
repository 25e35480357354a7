import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import type { Authenticator } from "../../core/authenticator.ts";
import { type BrokerHarness, eventually, startBroker, TOPIC_A, TOPIC_B } from "../support/broker-harness.ts";
import type { ConnectCrowd } from "../support/connect-crowd.ts";
import { CONNACK_ACCEPTED, field, openRaw, packet, PINGREQ, rawConnect, type RawPeer } from "../support/raw-mqtt.ts";

const ANSWER_MS = 1000;

/** Devices with tokens `token-…`, and how often it was asked. */
function countingAuthenticator(): Authenticator & { asked: number } {
  return {
    asked: 0,
    authenticate(token) {
      this.asked += 1;
      const id = /^token-(\w+)$/.exec(token)?.[1];
      return Promise.resolve(id === undefined ? null : { kind: "device", tenant: "acme", id });
    },
  };
}

/** The answer to a CONNECT with this token. */
async function answerTo(edge: BrokerHarness, token: string, clientId = "raw"): Promise<string> {
  const peer = await edge.raw();
  peer.send(rawConnect({ clientId, rest: ["user", token] }));
  return Promise.race([peer.closed, peer.receive((hex) => hex.length === CONNACK_ACCEPTED.length)]);
}

function post(edge: BrokerHarness, token: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${edge.ingestPort}/v1/telemetry`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: "{}",
  });
}

/** Pings until `over` has settled; the longest that an answer took. */
async function longestAnswerMs(peer: RawPeer, over: Promise<unknown>): Promise<number> {
  let going = true;
  void over.finally(() => (going = false));
  let longest = 0;
  while (going) {
    const asked = performance.now();
    const before = peer.received().length;
    peer.send(PINGREQ);
    await peer.receive((hex) => hex.length > before);
    longest = Math.max(longest, performance.now() - asked);
    await sleep(5);
  }
  return longest;
}

/** How many of the crowd were accepted. */
async function crowd(workerData: ConnectCrowd): Promise<{ accepted: Promise<number>; leave: () => Promise<unknown> }> {
  const worker = new Worker(new URL("../support/connect-crowd.ts", import.meta.url), { workerData });
  const accepted = new Promise<number>((resolve, reject) => worker.once("message", resolve).once("error", reject));
  await new Promise((resolve) => worker.once("online", resolve));
  return { accepted, leave: () => worker.terminate() };
}

describe("a storm of wrong credentials", () => {
  test("of one token is looked up a few times only, and a right one from the same address gets in", async () => {
    const authenticator = countingAuthenticator();
    await using edge = await startBroker({ authenticator, limits: { refusedTokenWaitMs: 30_000 } });
    const witness = await edge.client("b");
    for (let i = 0; i < 100; i++) expect(await answerTo(edge, "wrong", `client-${i}`)).toBe("20020005");
    expect(authenticator.asked).toBe(1 + 5);
    expect(edge.refused("credentials-refused-again")).toBe(95);
    expect(await answerTo(edge, "token-a")).toBe(CONNACK_ACCEPTED);
    await witness.publishAsync(TOPIC_B, "still here", { qos: 1 });
  });

  test("of many tokens is looked up as far as its address may, and who was let in before still is", async () => {
    const authenticator = countingAuthenticator();
    const limits = { refusedTokensPerAddressMax: 20, refusedTokensPerSecondPerAddressMax: 0.5 };
    await using edge = await startBroker({ authenticator, limits });
    expect(await answerTo(edge, "token-known")).toBe(CONNACK_ACCEPTED);
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => answerTo(edge, `guess-${i}`)));
    expect(new Set(answers)).toEqual(new Set(["20020005", "20020003"]));
    // One that was looked up for each that may be, and for each second that has passed.
    const lookedUp = authenticator.asked - 1;
    expect(edge.refused("credentials-guessed")).toBe(200 - lookedUp);
    expect(lookedUp).toBeLessThan(50);
    expect(await answerTo(edge, "token-known", "again")).toBe(CONNACK_ACCEPTED);
    expect(await answerTo(edge, "token-unknown")).toBe("20020003");
    await sleep(2100);
    expect(await answerTo(edge, "token-unknown")).toBe(CONNACK_ACCEPTED);
  });

  test("over HTTP is the same storm", async () => {
    const authenticator = countingAuthenticator();
    await using edge = await startBroker({
      authenticator,
      limits: {
        refusedTokensPerAddressMax: 3,
        refusedTokensPerSecondPerAddressMax: 0.01,
        refusalsPerTokenMax: 2,
        refusedTokenWaitMs: 30_000,
      },
    });
    for (let i = 0; i < 10; i++) expect((await post(edge, "wrong")).status).toBe(401);
    expect(edge.requests("credentials-refused-again")).toBe(8);
    expect(authenticator.asked).toBe(2);
    for (const token of ["guess-1", "guess-2"]) expect((await post(edge, token)).status).toBe(401);
    const refused = await post(edge, "guess-3");
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(edge.requests("credentials-guessed")).toBe(1);
    expect(await answerTo(edge, "wrong")).toBe("20020005");
    expect(authenticator.asked).toBe(4);
  });
});

describe("a storm of connects", () => {
  test("from one address is refused at once beyond its rate, on every port, and who is connected stays", async () => {
    await using edge = await startBroker({ limits: { connectsPerSecondPerAddressMax: 0.5, connectBurstMs: 10_000 } });
    const known = await edge.rawConnected();
    const peers = await Promise.all(Array.from({ length: 30 }, () => edge.raw()));
    await eventually(() => edge.refused("connects-per-address") >= 20, "they are refused");
    const left = (): number => peers.filter(({ socket }) => !socket.closed).length;
    await eventually(() => left() === 30 - edge.refused("connects-per-address"), "those are closed");
    await (
      await openRaw(edge.ingestPort)
    ).closed;
    expect(edge.requests("connects-per-address")).toBe(1);
    known.send(PINGREQ);
    await known.receive((hex) => hex.endsWith("d000"));
    await sleep(2100);
    await edge.client("b");
  });

  test("of 3,000 at once, an existing client is answered within a second", async () => {
    await using edge = await startBroker({ authenticator: countingAuthenticator() });
    const witness = await edge.rawConnected({ keepAlive: 5 });
    const { accepted, leave } = await crowd({ port: edge.port, count: 3000 });
    expect(await longestAnswerMs(witness, accepted)).toBeLessThan(ANSWER_MS);
    // Those that are too many at once of one address are shed, and come again.
    expect((await accepted) + edge.refused("unauthenticated-per-address")).toBe(3000);
    await leave();
  });
});

describe("peers that dawdle", () => {
  test("with their CONNECT make room within their own address, and time does not run on for them", async () => {
    await using edge = await startBroker({
      limits: { connectTimeoutMs: 400, unauthenticatedConnectionsPerAddressMax: 10 },
    });
    const witness = await edge.rawConnected();
    const hello = rawConnect();
    const peers = await Promise.all(Array.from({ length: 30 }, () => edge.raw()));
    let at = 0;
    const drip = setInterval(() => {
      for (const { socket } of peers) if (socket.writable) socket.write(hello.subarray(at, at + 1));
      at = Math.min(at + 1, 10);
    }, 40);
    const longest = await longestAnswerMs(witness, Promise.all(peers.map(({ closed }) => closed)));
    clearInterval(drip);
    expect(longest).toBeLessThan(ANSWER_MS);
    const evicted = edge.refused("unauthenticated-per-address");
    expect(evicted).toBeGreaterThan(0);
    expect(evicted + edge.refused("connect-timeout")).toBe(30);
    await edge.client("b");
  });

  test("a crowd that is being looked up keeps others of its address out no longer than that", async () => {
    const authenticator = { authenticate: () => new Promise<null>(() => undefined) };
    await using edge = await startBroker({
      authenticator,
      limits: { authenticateTimeoutMs: 300, unauthenticatedConnectionsPerAddressMax: 3 },
    });
    const peers = await Promise.all([1, 2, 3].map(() => edge.raw()));
    for (const peer of peers) peer.send(rawConnect());
    await sleep(50);
    await (
      await edge.raw()
    ).closed;
    expect(edge.refused("unauthenticated-per-address")).toBe(1);
    expect(await Promise.all(peers.map(({ closed }) => closed))).toEqual(["20020003", "20020003", "20020003"]);
    expect(edge.refused("authenticate-timeout")).toBe(3);
    expect((await edge.raw()).socket.closed).toBe(false);
  });

  test("sockets of which one side is closed do not stay", async () => {
    await using edge = await startBroker({ limits: { connectTimeoutMs: 300, keepAliveSecondsMax: 1 } });
    const mute = await edge.raw();
    mute.socket.end();
    const half = await edge.raw();
    half.socket.end(packet(0x10, field("MQTT"), [4]).subarray(0, 5));
    const polite = await edge.raw();
    polite.socket.end(rawConnect({ clientId: "polite" }));
    const gone = await edge.rawConnected({ clientId: "gone", keepAlive: 1 });
    gone.socket.pause();
    await Promise.all([mute, half, polite].map(({ closed }) => closed));
    expect(polite.received()).toBe(CONNACK_ACCEPTED);
    await eventually(() => edge.refused("keep-alive") === 1, "the silent one is let go");
    await eventually(() => edge.broker.connections === 0, "nobody is connected");
    const client = await edge.client("a");
    await client.publishAsync(TOPIC_A, "x", { qos: 1 });
  });
});
