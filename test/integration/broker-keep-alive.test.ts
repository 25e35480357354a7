import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { PassThrough } from "node:stream";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { describe, expect, onTestFinished, test } from "vitest";
import type { EdgeSocket } from "../../broker/edge-socket.ts";
import { sentBytesOf } from "../../broker/sent-bytes.ts";
import { type BrokerHarness, eventually, startBroker, TOPIC_A } from "../support/broker-harness.ts";
import { createAuthority, noCertificates } from "../support/certificates.ts";
import { KEPT, resumeKept } from "../support/kept-peer.ts";
import { PINGREQ, rawSubscribe, type RawPeer } from "../support/raw-mqtt.ts";

const MIB = 1024 * 1024;
/** More than the system takes for a peer that does not read. */
const LARGE = 24 * MIB;
const PAYLOAD = Buffer.alloc(120 * 1024, "x");
const LIMITS_OF_MUCH = { sessionQueueBytesMax: 2 * LARGE, deliveriesInFlightMax: 1000 };
const WILL_QOS_1 = 0x0c;

function pingOften(peer: RawPeer): void {
  const pings = setInterval(() => peer.send(PINGREQ), 50);
  onTestFinished(() => clearInterval(pings));
}

/** A kept session with QoS 1, a will and a keep-alive of one second, that is sent much; it does not read it yet. */
async function sendMuch(edge: BrokerHarness): Promise<RawPeer> {
  const peer = await resumeKept(edge, {
    ...KEPT,
    flags: KEPT.flags | WILL_QOS_1,
    keepAlive: 1,
    rest: [TOPIC_A, "gone", "user", "token-a"],
  });
  peer.send(rawSubscribe(["millrace/acme/a/#"], 1, 1));
  await peer.receive((hex) => hex.endsWith("9003000101"));
  pingOften(peer);
  peer.socket.pause();
  const publisher = await edge.client("a", { clientId: "publisher" });
  for (let sent = 0; sent < LARGE; sent += PAYLOAD.length) await publisher.publishAsync(TOPIC_A, PAYLOAD, { qos: 1 });
  return peer;
}

describe("a subscriber that is sent more than it reads", () => {
  test("is ended by its keep-alive although it sends pings, when it does not read at all, and its will is published", async () => {
    await using edge = await startBroker({ limits: LIMITS_OF_MUCH });
    await sendMuch(edge);
    await eventually(() => edge.refused("keep-alive") === 1, "it is ended");
    await eventually(() => edge.log.records.at(-1)?.value.length === 4, "its will is published");
    expect(Buffer.from(edge.log.records.at(-1)?.value ?? []).toString()).toBe("gone");
  });

  test("is kept for as long as it reads on, however slowly", async () => {
    await using edge = await startBroker({ limits: LIMITS_OF_MUCH });
    const peer = await sendMuch(edge);
    let read = 0;
    peer.socket.on("data", (bytes: Buffer) => {
      read += bytes.length;
      peer.socket.pause();
      setTimeout(() => peer.socket.resume(), 10);
    });
    peer.socket.resume();
    await eventually(() => read > LARGE, "it has read all");
    expect(edge.refused("keep-alive")).toBe(0);
    expect(edge.broker.connections).toBe(2);
  });
});

/** A socket that writes, and the one that reads it. */
async function openPair(isTls: boolean): Promise<{ readonly writer: Socket; readonly reader: Socket }> {
  const authority = isTls ? createAuthority("authority of a pair") : null;
  const accepted = Promise.withResolvers<Socket>();
  const server =
    authority === null
      ? createServer(accepted.resolve)
      : createTlsServer(authority.issue("pair"), (socket) => accepted.resolve(socket));
  onTestFinished(() => {
    server.close();
    authority?.dispose();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") return expect.fail("it listens on a port");
  const { port } = address;
  const reader = isTls ? connectTls({ port, rejectUnauthorized: false }) : connect(port, "127.0.0.1");
  reader.on("error", () => reader.destroy());
  onTestFinished(() => void reader.destroy());
  const writer = await accepted.promise;
  // The reader leaves before it has read all.
  writer.on("error", () => writer.destroy());
  return { writer, reader };
}

describe("within one large write it can be seen that the peer reads on", () => {
  test.for(["TCP", "TLS", "WebSocket"])("over %s", async (transport, { skip }) => {
    if (transport === "TLS" && noCertificates !== null) skip(`needs ${noCertificates}`);
    const { writer, reader } = await openPair(transport === "TLS");
    const socket: EdgeSocket =
      transport === "WebSocket" ? Object.assign(new PassThrough(), { carrier: writer }) : writer;
    let isWritten = false;
    writer.write(Buffer.alloc(LARGE), () => (isWritten = true));
    const before = sentBytesOf(socket);
    let read = 0;
    // One piece each turn of the timers: the write takes a while.
    reader.on("data", (bytes: Buffer) => {
      read += bytes.length;
      reader.pause();
      setTimeout(() => reader.resume(), 1);
    });
    await eventually(() => sentBytesOf(socket) > before, "the system has taken more of it");
    expect([isWritten, read > 0]).toEqual([false, true]);
  });
});
