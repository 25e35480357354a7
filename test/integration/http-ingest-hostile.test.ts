import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { eventually, startBroker } from "../support/broker-harness.ts";
import { openRaw, type RawPeer } from "../support/raw-mqtt.ts";

const HOST = "host: x\r\n";
const AUTHORIZED = `${HOST}authorization: Bearer token-a\r\n`;
const OWN = `POST /v1/telemetry HTTP/1.1\r\n`;
const withBody = (head: string, body = "{}"): string => `${head}content-length: ${body.length}\r\n\r\n${body}`;
const GOOD = withBody(OWN + AUTHORIZED);

const text = (hex: string): string => Buffer.from(hex, "hex").toString();

const own = (header: string): string => withBody(`${OWN}${HOST}${header}\r\n`);
const known = (header: string, body?: string): string => withBody(`${OWN}${AUTHORIZED}${header}`, body);

/** What a client sends, the status of the answer, the outcome that is counted, and what else the answer says. */
const REFUSED: readonly [title: string, sent: string, status: number, outcome: string, more?: string][] = [
  ["another path", withBody(`POST /v2/telemetry HTTP/1.1\r\n${AUTHORIZED}`), 404, "path"],
  ["a path that only ends like one", withBody(`POST /x/v1/telemetry HTTP/1.1\r\n${AUTHORIZED}`), 404, "path"],
  ["a slash in ThingsBoard's token", withBody(`POST /api/v1/a/b/telemetry HTTP/1.1\r\n${HOST}`), 404, "path"],
  ["GET", `GET /v1/telemetry HTTP/1.1\r\n${AUTHORIZED}\r\n`, 405, "method", "allow: POST"],
  ["GET /mqtt", `GET /mqtt HTTP/1.1\r\n${HOST}\r\n`, 426, "websocket-expected", "upgrade: websocket"],
  ["no credentials", withBody(OWN + HOST), 401, "credentials-missing", 'www-authenticate: Bearer realm="millrace"\r\n'],
  ["basic credentials", own("authorization: Basic eDp5"), 401, "credentials-missing"],
  ["an unknown token", own("authorization: Bearer token-x"), 401, "credentials-refused", 'error="invalid_token"'],
  ["an admin's token", own("authorization: Bearer token-admin"), 401, "credentials-refused"],
  ["a token of 513 bytes", own(`authorization: Bearer ${"x".repeat(513)}`), 401, "credentials-malformed"],
  [
    "a path token that is no text",
    withBody(`POST /api/v1/%ff/telemetry HTTP/1.1\r\n${HOST}`),
    401,
    "credentials-malformed",
  ],
  ["a form", known("content-type: application/x-www-form-urlencoded\r\n"), 415, "content-type"],
  ["JSON in another charset", known("content-type: application/json; charset=latin1\r\n"), 415, "content-type"],
  ["a compressed body", known("content-encoding: gzip\r\n"), 415, "content-encoding"],
  ["an empty body", known("", ""), 400, "body-missing"],
  ["a key of 257 characters", known(`idempotency-key: ${"k".repeat(257)}\r\n`), 400, "idempotency-key"],
  ["two keys", known("idempotency-key: a\r\nidempotency-key: b\r\n"), 400, "idempotency-key"],
  ["an empty key", known("idempotency-key: \r\n"), 400, "idempotency-key"],
  ["a length over the ceiling", `${OWN}${AUTHORIZED}content-length: 131073\r\n\r\n`, 413, "body-too-large"],
  ["no HTTP at all", "\x10\x05hello\r\n\r\n", 400, "not-http"],
  ["two lengths", known("content-length: 3\r\n"), 400, "not-http"],
  ["a length beside chunks", known("transfer-encoding: chunked\r\n", "0\r\n\r\n"), 400, "not-http"],
  ["headers of 9 KiB", known(`x: ${"x".repeat(9216)}\r\n`), 431, "not-http"],
];
const CODES: Readonly<Record<number, string>> = {
  401: "NOT_AUTHENTICATED",
  404: "NOT_FOUND",
  413: "PAYLOAD_TOO_LARGE",
};

/** The peer's answers so far, as soon as there are so many. */
async function answers(peer: RawPeer, count = 1): Promise<string> {
  return text(await peer.receive((hex) => (text(hex).match(/HTTP\/1\.1 (?!100)/g) ?? []).length >= count));
}

describe("a request that is refused", () => {
  test.each(REFUSED)("%s", async (_title, sent, status, outcome, more = "") => {
    await using edge = await startBroker();
    const peer = await openRaw(edge.ingestPort);
    peer.send(Buffer.from(sent));
    const answer = await answers(peer);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer.toLowerCase()).toContain("content-type: application/problem+json");
    expect(answer).toContain(`"code":"${CODES[status] ?? "INVALID_INPUT"}"`);
    expect(answer).toMatch(/"remedy":"[A-Z].{20,}\."/);
    expect(answer).toContain(more);
    expect(edge.requests(outcome)).toBe(1);
    expect(edge.log.records).toHaveLength(0);
    peer.socket.destroy();
  });

  test("leaves its connection to the next one", async () => {
    await using edge = await startBroker();
    const peer = await openRaw(edge.ingestPort);
    peer.send(Buffer.from(withBody(OWN + HOST) + GOOD));
    expect(await answers(peer, 2)).toMatch(/401 [^]*204 /);
    peer.socket.destroy();
  });

  test("is refused before its body when it asks whether to send it", async () => {
    await using edge = await startBroker();
    const peer = await openRaw(edge.ingestPort);
    const head = "expect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    peer.send(Buffer.from(`${OWN}${HOST}authorization: Bearer token-x\r\n${head}`));
    expect(await answers(peer)).toMatch(/^HTTP\/1.1 401/);
    peer.socket.destroy();
    const asked = await openRaw(edge.ingestPort);
    asked.send(Buffer.from(`${OWN}${AUTHORIZED}${head}`));
    await asked.receive((hex) => text(hex).startsWith("HTTP/1.1 100"));
    asked.send(Buffer.from("{}"));
    expect(await answers(asked)).toContain("204 No Content");
    asked.socket.destroy();
  });

  test("upgrades to other protocols are answered in HTTP/1.1", async () => {
    await using edge = await startBroker();
    const peer = await openRaw(edge.ingestPort);
    peer.send(Buffer.from(withBody(`${OWN}${AUTHORIZED}connection: upgrade, http2-settings\r\nupgrade: h2c\r\n`)));
    expect(await answers(peer)).toContain("204 No Content");
    peer.socket.destroy();
  });
});

describe("bodies", () => {
  test("that are longer than they may be are not collected, whatever they announce", async () => {
    await using edge = await startBroker({ limits: { closeLingerMs: 100 } });
    const peer = await openRaw(edge.ingestPort);
    peer.send(Buffer.from(`${OWN}${AUTHORIZED}transfer-encoding: chunked\r\n\r\n`));
    const chunk = Buffer.from(`8000\r\n${"x".repeat(0x8000)}\r\n`);
    const flood = setInterval(() => peer.send(chunk), 1);
    const answer = await answers(peer);
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    await peer.closed;
    clearInterval(flood);
    expect(edge.log.records).toHaveLength(0);
  });

  test("of unknown peers are not read", async () => {
    const authenticator = { authenticate: () => new Promise<null>(() => undefined) };
    await using edge = await startBroker({ authenticator, limits: { ingestBytesMax: 0 } });
    const peer = await openRaw(edge.ingestPort);
    peer.send(Buffer.from(GOOD));
    await sleep(50);
    // With a budget of nothing it would have been refused for its body.
    expect(peer.received()).toBe("");
    peer.socket.destroy();
  });

  test("that are too many at once are refused, and make room when they are answered", async () => {
    await using edge = await startBroker({ limits: { ingestBytesMax: 5 } });
    edge.log.hold();
    const peers = await Promise.all([1, 2, 3].map(() => openRaw(edge.ingestPort)));
    for (const peer of peers) peer.send(Buffer.from(GOOD));
    await eventually(() => edge.requests("bodies-waiting") === 1, "the third is refused");
    edge.log.release();
    const said = await Promise.all(peers.map((peer) => answers(peer)));
    expect(said.map((answer) => answer.slice(9, 12)).toSorted()).toEqual(["204", "204", "503"]);
    peers[0]?.send(Buffer.from(GOOD));
    expect(await answers(peers[0] as RawPeer, 2)).toMatch(/204 No Content[^]*204 No Content|503 [^]*204 No Content/);
    for (const peer of peers) peer.socket.destroy();
  });

  test("of clients that went away do not count", async () => {
    await using edge = await startBroker({ limits: { ingestBytesMax: 5 } });
    for (let round = 0; round < 4; round++) {
      const peer = await openRaw(edge.ingestPort);
      peer.send(Buffer.from(`${OWN}${AUTHORIZED}content-length: 4\r\n\r\n{}`));
      await sleep(20);
      peer.socket.destroy();
      await eventually(() => edge.requests("lost") === round + 1, "it is noticed");
    }
    const peer = await openRaw(edge.ingestPort);
    peer.send(Buffer.from(GOOD));
    expect(await answers(peer)).toContain("204 No Content");
    peer.socket.destroy();
  });
});

describe("crowds", () => {
  test("of silent or slow peers are let go in time", async () => {
    await using edge = await startBroker({ limits: { ingestHeadersTimeoutMs: 100, ingestRequestTimeoutMs: 300 } });
    const silent = await openRaw(edge.ingestPort);
    const slowHead = await openRaw(edge.ingestPort);
    slowHead.send(Buffer.from(OWN));
    const slowBody = await openRaw(edge.ingestPort);
    slowBody.send(Buffer.from(`${OWN}${AUTHORIZED}content-length: 4\r\n\r\n{`));
    const drip = setInterval(() => slowHead.send(Buffer.from("x: y\r\n")), 20);
    expect(text(await silent.closed)).toMatch(/^HTTP\/1.1 408 /);
    expect(text(await slowHead.closed)).toMatch(/^HTTP\/1.1 408 /);
    clearInterval(drip);
    expect(text(await slowBody.closed)).toMatch(/^HTTP\/1.1 408 /);
  });

  test("of idle connections are let go in time", async () => {
    await using edge = await startBroker({ limits: { ingestIdleTimeoutMs: 50 } });
    const peer = await openRaw(edge.ingestPort);
    peer.send(Buffer.from(GOOD));
    expect(text(await peer.closed)).toContain("204 No Content");
  });

  test("are held to so many connections, in all and per address, and leave room when they go", async () => {
    for (const limits of [{ ingestConnectionsMax: 2 }, { ingestConnectionsPerAddressMax: 2 }]) {
      await using edge = await startBroker({ limits });
      const peers = await Promise.all([1, 2].map(() => openRaw(edge.ingestPort)));
      expect(await (await openRaw(edge.ingestPort)).closed).toBe("");
      expect(edge.requests("connections")).toBe(1);
      peers[0]?.socket.destroy();
      await sleep(50);
      const next = await openRaw(edge.ingestPort);
      next.send(Buffer.from(GOOD));
      expect(await answers(next)).toContain("204 No Content");
      for (const peer of [...peers, next]) peer.socket.destroy();
    }
  });

  test("of requests on one connection that wait for no answer are held to so many", async () => {
    await using edge = await startBroker({ limits: { ingestRequestsPerConnectionMax: 3 } });
    edge.log.hold();
    const peer = await openRaw(edge.ingestPort);
    peer.send(Buffer.from(GOOD.repeat(5)));
    await eventually(() => edge.requests("requests-per-connection") === 2, "two are too many");
    expect(edge.log.waiting).toHaveLength(3);
    edge.log.release();
    expect((await answers(peer, 5)).match(/HTTP\/1.1 \d+/g)).toEqual(
      [204, 204, 204, 429, 429].map((s) => `HTTP/1.1 ${s}`),
    );
    peer.send(Buffer.from(GOOD));
    expect((await answers(peer, 6)).match(/HTTP\/1.1 204/g)).toHaveLength(4);
    peer.socket.destroy();
  });
});
